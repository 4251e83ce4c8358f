// All scenarios, in the order of a whole run: the cheap figures first, the deep backlogs last.
import { backlog } from './backlog.js'
import { bulk } from './bulk.js'
import { concurrency } from './concurrency.js'
import { depth } from './depth.js'
import { enqueue } from './enqueue.js'
import { everythingOn } from './everythingOn.js'
import { features } from './features.js'
import { groups } from './groups.js'
import { latency } from './latency.js'
import { memory } from './memory.js'
import { payloads } from './payloads.js'
import { processScenario } from './process.js'
import { remote } from './remote.js'
import { restart } from './restart.js'
import type { Scenario } from './scenario.js'
import { withoutDisk } from './withoutDisk.js'

export const SCENARIOS: ReadonlyArray<Scenario> = [
  enqueue,
  bulk,
  processScenario,
  latency,
  withoutDisk,
  concurrency,
  payloads,
  groups,
  features,
  everythingOn,
  remote,
  memory,
  restart,
  backlog,
  depth,
]
