// The whole table.
import { blobRoutes } from './blobRoutes.js'
import { clusterRoutes } from './clusterRoutes.js'
import { editRoutes } from './editRoutes.js'
import { lifecycleRoutes } from './lifecycleRoutes.js'
import { messageRoutes } from './messageRoutes.js'
import { nodeRoutes } from './nodeRoutes.js'
import { projectionRoutes } from './projectionRoutes.js'
import { queueRoutes } from './queueRoutes.js'
import { recoveryRoutes } from './recoveryRoutes.js'
import { relayRoutes } from './relayRoutes.js'
import { rerunRoutes } from './rerunRoutes.js'
import type { Route } from './route.js'
import { scheduleRoutes } from './scheduleRoutes.js'
import { selectionRoutes } from './selectionRoutes.js'
import { switchRoutes } from './switchRoutes.js'
import { systemRoutes } from './systemRoutes.js'
import { workerRoutes } from './workerRoutes.js'

export const ROUTES: ReadonlyArray<Route> = [
  ...queueRoutes,
  ...lifecycleRoutes,
  ...messageRoutes,
  ...selectionRoutes,
  ...rerunRoutes,
  ...editRoutes,
  ...workerRoutes,
  ...scheduleRoutes,
  ...switchRoutes,
  ...projectionRoutes,
  ...systemRoutes,
  ...recoveryRoutes,
  ...blobRoutes,
  ...clusterRoutes,
  ...relayRoutes,
  ...nodeRoutes,
]
