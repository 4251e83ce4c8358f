// Follow-ups where several nodes share the log: one of them enqueues those of all. It reads what the others append, and takes up at the
// cursor where the node before it left off; what that one did beyond it is found again by its name. Queues of other nodes get theirs
// over the nodes' own door, where the owner looks whether it has them already.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { Member } from '../../domain/cluster/index.js'
import type { Delivered, NamedFollowUp } from '../engine/followUpDelivery.js'
import { FollowUps, type FollowUpsDeps } from '../engine/followUps.js'
import type { ClusterNode } from './clusterNode.js'
import { DeliveredCodec, followUpsPath } from './nodeMessages.js'

const FOLLOW_UPS_TASK = 'follow-ups'
const DELIVERY_TIMEOUT_MS = 10_000
const MISDIRECTED = 421

export class SharedFollowUps {
  private present: FollowUps | undefined

  constructor(private readonly deps: Omit<FollowUpsDeps, 'isShared'>) {}

  /** While this node is the one. */
  runOn(cluster: ClusterNode): void {
    cluster.runTask(FOLLOW_UPS_TASK, async () => {
      const remote = (queue: string): ReturnType<typeof deliveryTo> | undefined => {
        const owner = cluster.ownerOfQueue(queue)
        const isOther = owner !== undefined && owner.incarnation !== cluster.self.incarnation
        return isOther ? deliveryTo(cluster, owner, queue) : undefined
      }
      const target: FollowUpsDeps['target'] = async (queue) => {
        try {
          return remote(queue) ?? (await this.deps.target(queue))
        } catch (error) {
          // It may have been given to another node in this very call.
          const elsewhere = remote(queue)
          if (elsewhere === undefined) throw error
          return elsewhere
        }
      }
      const followUps = new FollowUps({ ...this.deps, target, isShared: true })
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

/** All of them are repeats, so that an answer that is lost changes nothing: they are asked for again. */
const deliveryTo =
  (cluster: ClusterNode, owner: Member, queue: string) =>
  async (wave: ReadonlyArray<NamedFollowUp>): Promise<Delivered> => {
    const followUps = wave.map(({ id, origin, followUp }) => ({ id, origin, followUp }))
    const { status, text } = await cluster.peers.send(
      owner,
      {
        method: 'POST',
        path: followUpsPath(queue),
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ followUps }),
        timeoutMs: DELIVERY_TIMEOUT_MS,
      },
      undefined,
    )
    if (status === MISDIRECTED) await cluster.refresh()
    if (status !== 200) throw new Error(`the node ${owner.node} answers with status ${status}`)
    const delivered = DeliveredCodec.decode(JSON.parse(text))
    if (isLeft(delivered)) throw new Error(`the node ${owner.node} answers with something else`)
    return delivered.right
  }
