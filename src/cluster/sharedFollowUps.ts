// Follow-ups where several nodes share the log: one of them enqueues those of all. It reads what the others append, and takes up at the
// cursor where the node before it left off; what that one did beyond it is found again by its name.
import { FollowUps, type FollowUpsDeps } from '../engine/followUps.js'
import type { ClusterNode } from './clusterNode.js'

export const FOLLOW_UPS_TASK = 'follow-ups'

export class SharedFollowUps {
  private present: FollowUps | undefined

  constructor(private readonly deps: Omit<FollowUpsDeps, 'isShared'>) {}

  /** While this node is the one. */
  runOn(cluster: ClusterNode): void {
    cluster.runTask(FOLLOW_UPS_TASK, async () => {
      const followUps = new FollowUps({ ...this.deps, isShared: true })
      await followUps.start()
      this.present = followUps
      return async () => {
        this.present = undefined
        await followUps.stop()
      }
    })
  }

  /** Of those that this node has read; 0 on the others. */
  get waiting(): number {
    return this.present?.waiting ?? 0
  }
}
