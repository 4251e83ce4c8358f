// What must hold of a queue whatever it is resized to, and when: told what was accepted, handed out and ended, it throws at the first
// thing that cannot be. It knows nothing of partitions, layouts or events.
import { strict as assert } from 'node:assert'

export type Sent = Readonly<{ group?: string; dedupKey?: string; callerId?: string }>
type Known = Sent & {
  readonly id: string
  state: 'waiting' | 'running' | 'dead' | 'finished'
  startedOnce: boolean
}

export class ResizeJudge {
  readonly messages = new Map<string, Known>()
  private readonly keys = new Map<string, number>()
  private readonly finishedIds = new Map<string, number>()
  private readonly starts: number[] = []

  constructor(
    private readonly windowMs: number,
    private readonly concurrencyMax: number,
    private readonly rate: Readonly<{ count: number; perMs: number }>,
  ) {}

  /** In the order in which they were accepted. */
  accepted(sent: Sent, id: string, duplicate: boolean, at: number): void {
    if (duplicate) {
      assert.ok(
        this.mayBeDuplicate(sent, at),
        `${id} is told to be a duplicate, and nothing is known that it repeats`,
      )
      return
    }
    assert.ok(!this.messages.has(id), `A6: ${id} was accepted twice`)
    const { dedupKey, callerId, group } = sent
    if (dedupKey !== undefined && group === undefined) {
      const last = this.keys.get(dedupKey)
      assert.ok(
        last === undefined || last + this.windowMs <= at,
        `A6: ${dedupKey} was accepted twice within its window`,
      )
    }
    if (dedupKey !== undefined) this.keys.set(dedupKey, at)
    if (callerId !== undefined) {
      const ended = this.finishedIds.get(callerId)
      assert.ok(
        ended === undefined || ended + this.windowMs <= at,
        `4.1: the id ${callerId} was accepted again within its window`,
      )
    }
    this.messages.set(id, { ...sent, id, state: 'waiting', startedOnce: false })
  }

  private mayBeDuplicate({ dedupKey, callerId }: Sent, at: number): boolean {
    const seen = dedupKey === undefined ? undefined : this.keys.get(dedupKey)
    if (seen !== undefined && seen + this.windowMs > at) return true
    if (callerId === undefined) return false
    const ended = this.finishedIds.get(callerId)
    return this.messages.has(callerId) || (ended !== undefined && ended + this.windowMs > at)
  }

  started(id: string, at: number): void {
    const message = this.known(id)
    assert.equal(message.state, 'waiting', `I3: ${id} was handed out while it was ${message.state}`)
    const { group } = message
    if (group !== undefined) this.mayStart(group, message)
    message.state = 'running'
    message.startedOnce = true
    this.starts.push(at)
    const running = [...this.messages.values()].filter(({ state }) => state === 'running').length
    assert.ok(running <= this.concurrencyMax, `B8: ${running} run, at most ${this.concurrencyMax} may`)
    const { count, perMs } = this.rate
    for (const [n, first] of this.starts.entries()) {
      const within = this.starts.length - n
      assert.ok(
        within <= count + ((at - first) * count) / perMs + 1e-9,
        `B8: ${within} starts in ${at - first} ms`,
      )
    }
  }

  /** A Map keeps the order in which they came. */
  private mayStart(group: string, message: Known): void {
    for (const other of this.messages.values()) {
      if (other === message) return
      if (other.group !== group) continue
      assert.notEqual(other.state, 'running', `B1: two of the group ${group} run at once`)
      // One that was redriven comes before those that wait, but those that ran before it did so by right.
      assert.notEqual(other.state, 'waiting', `B1: ${message.id} overtook ${other.id} in the group ${group}`)
    }
  }

  ended(id: string, outcome: 'acked' | 'dead' | 'waiting', at: number): void {
    const message = this.known(id)
    assert.equal(message.state, 'running', `${id} ended while it was ${message.state}`)
    if (outcome === 'acked') this.finished(message, at)
    else message.state = outcome
  }

  redriven(id: string): void {
    const message = this.known(id)
    assert.equal(message.state, 'dead', `${id} was redriven while it was ${message.state}`)
    message.state = 'waiting'
  }

  /** Nothing is lost, and nothing runs that was not accepted. */
  live(): ReadonlyArray<string> {
    return [...this.messages.values()].filter(({ state }) => state !== 'finished').map(({ id }) => id)
  }

  in(state: Known['state']): ReadonlyArray<string> {
    return [...this.messages.values()].filter((message) => message.state === state).map(({ id }) => id)
  }

  private finished(message: Known, at: number): void {
    message.state = 'finished'
    if (message.callerId === undefined) return
    this.finishedIds.set(message.callerId, at)
    this.messages.delete(message.id)
  }

  private known(id: string): Known {
    const message = this.messages.get(id)
    assert.ok(message !== undefined, `${id} is not known`)
    return message
  }
}
