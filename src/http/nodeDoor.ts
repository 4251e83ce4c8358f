// The door between nodes. A request for a queue that another node leads is passed on to it as it came, once: whoever gets it and is not
// the owner says so (421), and nothing was done. What becomes of a request whose answer is lost is unknown (I1); that a connection could
// not be made, or that the other is not the owner, is definite, and the request may go to the one who is now.

import { isMember, type Member } from '../../domain/cluster/index.js'
import { QueueNameCodec } from '../../domain/ids.js'
import { RefusedError, UnavailableError } from '../api/errors.js'
import { ExchangeFailed, type Reply } from '../client/httpExchange.js'
import type { ClusterNode } from '../cluster/clusterNode.js'
import type { GatheredAnswer } from './gathered.js'
import { FORWARD_TIMEOUT_MS, LONG_POLL_MS_MAX } from './limits.js'
import { HttpProblem } from './problem.js'
import type { Answer, Route } from './route.js'

/** A request as it came, and the way to answer it here. */
export type Asked = Readonly<{
  method: string
  /** With its query. */
  url: string
  /** The queue that it is about; undefined = none. */
  queue: string | undefined
  headers: Readonly<Record<string, string>>
  bytes: Uint8Array | undefined
  from: string
  /** Fires when the client hung up. */
  gone: AbortSignal
  here: () => Promise<Answer>
}>

/** An answer of another node is handed on as the text it is. */
export type Passed = Readonly<{ status: number; text: string }>

/** `stillFits`: whoever was asked is still the one to ask. */
type Flight = Readonly<{ stillFits: () => boolean; end: AbortController }>

const MISDIRECTED = 421
const isElsewhere = (error: unknown): boolean =>
  error instanceof RefusedError && error.code === 'queue_elsewhere'
const noOwner = (): HttpProblem =>
  new HttpProblem(503, 'unavailable', 'No node leads this queue now; nothing of the call was recorded.')
/** It waits so long for a queue that moves: longer than a node needs to be taken for dead and replaced. */
const OWNER_WAIT_MS = 5_000
const LOOK_AGAIN_MS = 250

export class NodeDoor {
  private readonly flights = new Set<Flight>()
  private readonly stopListening: () => void

  constructor(private readonly node: ClusterNode) {
    this.stopListening = node.whenChanged(() => this.ended())
  }

  /** An owner that is none any more may never answer: who waits for it hears so at once. */
  private ended(): void {
    for (const { stillFits, end } of this.flights)
      if (!stillFits()) end.abort(new Error('it is not the node to ask any more'))
  }

  close(): void {
    this.stopListening()
  }

  /** For a request that another node has passed on: it is for this one, or for nobody here. */
  async refuseOthers(queue: string | undefined): Promise<void> {
    if (queue === undefined || this.node.ownsQueue(queue)) return
    // Whoever asks may know better: it was given to this node a moment ago.
    await this.refreshed()
    if (this.node.ownsQueue(queue)) return
    throw new RefusedError('queue_elsewhere', `this node does not lead the queue "${queue}"`)
  }

  async answer(route: Route, asked: Asked): Promise<Answer | Passed> {
    if (asked.queue !== undefined) return this.answerForQueue(route, asked.queue, asked)
    if (route.gathers !== undefined) return this.gathered(route.gathers, asked)
    if (route.anywhere === true) return this.anywhere(asked)
    return asked.here()
  }

  /** While the queue is on its way from one node to another the request waits for it, up to a bound. */
  private async answerForQueue(route: Route, queue: string, asked: Asked): Promise<Answer | Passed> {
    const untilTick = this.node.now + OWNER_WAIT_MS
    for (;;) {
      const owner = await this.ownerOf(queue, route.creates === true)
      const answer =
        owner === undefined || owner.incarnation === this.node.self.incarnation
          ? await this.tried(asked)
          : await this.passed(route, queue, owner, asked)
      if (answer !== undefined) return answer
      // Definite: nothing was done. Somebody else may lead it by now, or soon.
      if (this.node.now >= untilTick || asked.gone.aborted || this.node.hasEnded) throw noOwner()
      const isSame = (await this.refreshed()).ownerOfQueue(queue)?.incarnation === owner?.incarnation
      if (isSame) await this.node.changedWithin(LOOK_AGAIN_MS)
    }
  }

  private async refreshed(): Promise<ClusterNode> {
    try {
      await this.node.refresh()
      return this.node
    } catch {
      throw noOwner()
    }
  }

  private async ownerOf(queue: string, creates: boolean): Promise<Member | undefined> {
    const known = this.node.ownerOfQueue(queue)
    if (known !== undefined) return known
    if (creates && QueueNameCodec.is(queue)) return this.node.assignQueue(queue)
    return (await this.refreshed()).ownerOfQueue(queue)
  }

  /** Undefined = it is not this node's after all. */
  private async tried(asked: Asked): Promise<Answer | undefined> {
    try {
      return await asked.here()
    } catch (error) {
      if (isElsewhere(error)) return undefined
      throw error
    }
  }

  /** Undefined = the other did nothing. */
  private async passed(
    route: Route,
    queue: string,
    owner: Member,
    asked: Asked,
  ): Promise<Passed | undefined> {
    // Definite, and sooner than by sending it.
    if (this.node.isOutOfReach(owner)) return undefined
    const stillFits = (): boolean => this.node.ownerOfQueue(queue)?.incarnation === owner.incarnation
    try {
      const timeoutMs = FORWARD_TIMEOUT_MS + (route.waits === true ? LONG_POLL_MS_MAX : 0)
      const reply = await this.send(owner, asked, timeoutMs, stillFits)
      return reply.status === MISDIRECTED ? undefined : reply
    } catch (error) {
      if (!(error instanceof ExchangeFailed)) throw error
      if (error.neverLeft || route.method === 'GET') return undefined
      throw new HttpProblem(
        504,
        'unknown_outcome',
        `The node ${owner.node} did not answer (${error.message}). The same call with the same Idempotency-Key or id is safe.`,
      )
    }
  }

  private async send(
    member: Member,
    { method, url: path, headers, bytes: body, from, gone }: Asked,
    timeoutMs: number,
    stillFits: Flight['stillFits'],
  ): Promise<Reply> {
    const flight: Flight = { stillFits, end: new AbortController() }
    const hungUp = (): void => flight.end.abort(new Error('the client has gone'))
    gone.addEventListener('abort', hungUp)
    this.flights.add(flight)
    try {
      const { signal } = flight.end
      return await this.node.peers.send(member, { method, path, headers, body, timeoutMs, signal }, from)
    } finally {
      this.flights.delete(flight)
      gone.removeEventListener('abort', hungUp)
    }
  }

  private get others(): ReadonlyArray<Member> {
    const live = this.node.live()
    return [...this.node.state.members.values()].filter(
      ({ node }) => live.has(node) && node !== this.node.self.node,
    )
  }

  private async fromOthers(asked: Asked): Promise<ReadonlyArray<Passed | undefined>> {
    return Promise.all(
      this.others.map((member) =>
        this.send(member, asked, FORWARD_TIMEOUT_MS, () => isMember(this.node.state, member)).catch(
          () => undefined,
        ),
      ),
    )
  }

  /** Of all nodes that answer; who does not is named. */
  private async gathered(gather: GatheredAnswer, asked: Asked): Promise<Answer> {
    const [own, replies] = await Promise.all([asked.here(), this.fromOthers(asked)])
    const names = this.others.map(({ node }) => node)
    const isThere = (reply: Passed | undefined): reply is Passed => reply !== undefined && reply.status < 300
    const unreachable = names.filter((_, n) => !isThere(replies[n]))
    const bodies = replies.filter(isThere).map(({ text }): unknown => JSON.parse(text))
    const whole = gather([own.body, ...bodies])
    return { status: own.status, body: unreachable.length === 0 ? whole : { ...whole, unreachable } }
  }

  /** Whoever knows it answers. */
  private async anywhere(asked: Asked): Promise<Answer | Passed> {
    try {
      return await asked.here()
    } catch (error) {
      const replies = await this.fromOthers(asked)
      const found = replies.find((reply) => reply !== undefined && reply.status < 300)
      if (found !== undefined) return found
      if (replies.includes(undefined)) throw new UnavailableError('a node that may know it does not answer')
      throw error
    }
  }
}
