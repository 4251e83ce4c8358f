// Mistakes that somebody might make, as edits of the sources: `npm run planted` makes each of them in a copy and asks whether
// it is noticed. None of them is ever in the product. Which rules they break: the table in ARCHITECTURE.md, and docs/reliability.md.
import { CIRCUIT_BUGS } from './circuitBugs.js'
import { CLUSTER_BUGS } from './clusterBugs.js'
import { DRAW_BUGS } from './drawBugs.js'
import { EMBEDDED_LOG_BUGS } from './embeddedLogBugs.js'
import { LOG_BUGS } from './logBugs.js'
import { MESSAGE_BUGS } from './messageBugs.js'
import { NODE_BUGS } from './nodeBugs.js'
import { OPERATOR_BUGS } from './operatorBugs.js'
import { PROCESS_BUGS } from './processBugs.js'
import { RESIZE_BUGS } from './resizeBugs.js'
import { STORE_BUGS } from './storeBugs.js'
import { TIME_BUGS } from './timeBugs.js'
import { TURN_BUGS } from './turnBugs.js'

export const PLANTED_BUGS = [
  ...LOG_BUGS,
  ...EMBEDDED_LOG_BUGS,
  ...MESSAGE_BUGS,
  ...TURN_BUGS,
  ...RESIZE_BUGS,
  ...CIRCUIT_BUGS,
  ...PROCESS_BUGS,
  ...NODE_BUGS,
  ...CLUSTER_BUGS,
  ...OPERATOR_BUGS,
  ...STORE_BUGS,
  ...TIME_BUGS,
  ...DRAW_BUGS,
]
