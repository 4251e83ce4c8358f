// What the nodes of a cluster tell each other without a word in the log: that they live, and whom of the others they cannot reach. Each
// calls the others over the door that requests are passed on through, as often as it gives a sign of life, and never waits for it.
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import {
  type Apart,
  apartOf,
  isSilent,
  type Link,
  type LinkTimes,
  lookedAt,
  type Member,
  newLink,
  type Run,
  type Said,
} from '../../domain/cluster/index.js'
import type { Beat, Heartbeats } from '../ports/heartbeats.js'
import { Liveness } from './liveness.js'
import type { ClusterTimes } from './options.js'

export type SignsDeps = Readonly<{
  heartbeats: Heartbeats
  self: Run
  times: ClusterTimes
  tickMs: () => number
  /** Whether the other answers, over the network. Never rejects. */
  reaches: (member: Member) => Promise<boolean>
}>

type Called = { readonly incarnation: string; link: Link; hasAnswered: boolean; isAsked: boolean }

export class SignsOfLife {
  private readonly liveness: Liveness
  private readonly times: LinkTimes
  private readonly lookMsMax: number
  private readonly called = new Map<string, Called>()
  private calledAt: number | undefined
  private readonly heard = new Map<string, Beat | undefined>()
  private beats = 0

  constructor(private readonly deps: SignsDeps) {
    const { deadAfterMs, heartbeatMs, tenureMs } = deps.times
    this.lookMsMax = 2 * heartbeatMs
    this.liveness = new Liveness(deadAfterMs, this.lookMsMax)
    this.times = { lostAfterMs: deadAfterMs, steadyAfterMs: tenureMs }
  }

  /** Calls the others, and says that it lives and whom it cannot reach. Rejects when the log does not take it. */
  async beat(members: ReadonlyArray<Member>): Promise<void> {
    const { node, incarnation } = this.deps.self
    this.call(this.othersOf(members))
    const [unreached, unsteady] = [[...this.silent], [...this.unsteady]]
    const beat: Beat = {
      incarnation,
      count: ++this.beats,
      ...(unreached.length === 0 ? {} : { unreached }),
      ...(unsteady.length === 0 ? {} : { unsteady }),
    }
    const done = await this.deps.heartbeats.beat(node, beat)()
    if (isLeft(done)) throw new Error(done.left.reason)
  }

  /** Reads what the others say. */
  async look(members: ReadonlyArray<Member>): Promise<void> {
    const others = this.othersOf(members)
    const beats = new Map<string, Beat | undefined>()
    await Promise.all(
      others.map(async ({ node }) => {
        const last = await this.deps.heartbeats.last(node)()
        if (isRight(last)) beats.set(node, last.right)
      }),
    )
    const names = others.map(({ node }) => node)
    this.liveness.looked(this.deps.tickMs(), names, beats)
    for (const [node, beat] of beats) this.heard.set(node, beat)
    for (const node of this.heard.keys()) if (!names.includes(node)) this.heard.delete(node)
  }

  isLive(node: string): boolean {
    return this.liveness.isLive(node)
  }

  silentMs(node: string): number {
    return this.liveness.silentMs(node)
  }

  /** A call of this node would get nowhere now. */
  isOutOfReach(node: string): boolean {
    const called = this.called.get(node)
    return called !== undefined && isSilent(called.link, this.times)
  }

  /** Who of the living says so. */
  unreachedBy(node: string, live: ReadonlySet<string>): ReadonlyArray<string> {
    return [...this.unreachedSaid()]
      .flatMap(([by, nodes]) => (live.has(by) && nodes.has(node) ? [by] : []))
      .sort()
  }

  apart(live: ReadonlySet<string>): Apart {
    const unsteady = new Map([...this.heard].map(([by, beat]) => [by, new Set(beat?.unsteady)]))
    return apartOf(live, this.unreachedSaid(), unsteady.set(this.deps.self.node, this.unsteady))
  }

  private othersOf(members: ReadonlyArray<Member>): ReadonlyArray<Member> {
    return members.filter(({ node }) => node !== this.deps.self.node)
  }

  private unreachedSaid(): Said {
    const said = new Map([...this.heard].map(([by, beat]) => [by, new Set(beat?.unreached)]))
    return said.set(this.deps.self.node, this.silent)
  }

  private get silent(): Set<string> {
    return this.linked((link) => isSilent(link, this.times))
  }

  private get unsteady(): Set<string> {
    return this.linked(({ isUnsteady }) => isUnsteady)
  }

  private linked(isSo: (link: Link) => boolean): Set<string> {
    return new Set([...this.called].flatMap(([node, { link }]) => (isSo(link) ? [node] : [])))
  }

  private call(others: ReadonlyArray<Member>): void {
    const tick = this.deps.tickMs()
    // As with signs of life: time in which this node did not look is nobody's silence.
    const sinceMs = Math.min(this.lookMsMax, Math.max(0, tick - (this.calledAt ?? tick)))
    this.calledAt = tick
    const names = new Set(others.map(({ node }) => node))
    for (const node of this.called.keys()) if (!names.has(node)) this.called.delete(node)
    for (const member of others) {
      const { node, incarnation } = member
      let called = this.called.get(node)
      if (called?.incarnation !== incarnation) {
        called = { incarnation, link: newLink(this.times), hasAnswered: false, isAsked: false }
        this.called.set(node, called)
      } else {
        called.link = lookedAt(called.link, called.hasAnswered, sinceMs, this.times)
        called.hasAnswered = false
      }
      this.ask(called, member)
    }
  }

  private ask(called: Called, member: Member): void {
    if (called.isAsked) return
    called.isAsked = true
    void this.deps.reaches(member).then((answered) => {
      called.isAsked = false
      called.hasAnswered ||= answered
    })
  }
}
