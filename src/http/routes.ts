// The whole table.
import { lifecycleRoutes } from './lifecycleRoutes.js'
import { messageRoutes } from './messageRoutes.js'
import { queueRoutes } from './queueRoutes.js'
import type { Route } from './route.js'
import { systemRoutes } from './systemRoutes.js'
import { workerRoutes } from './workerRoutes.js'

export const ROUTES: ReadonlyArray<Route> = [
  ...queueRoutes,
  ...lifecycleRoutes,
  ...messageRoutes,
  ...workerRoutes,
  ...systemRoutes,
]
