// Whether the server lets us in and takes events, also while nobody asks anything of the log (R44). Asked every few seconds, by a read of
// the log's end and an append that is checked in every respect and writes nothing; work that is under way says as much, and then only
// the read is sent. What the server denies is looked into at once. Told when it begins and when it ends, and part of the log's condition
// meanwhile; calls go on as before, so that it is over as soon as the server is well again.
import { randomUUID } from 'node:crypto'
import type { EventLog } from '../../ports/eventLog.js'
import type { StoreCalls } from './connection.js'
import { callFaultOf, NoAnswer } from './errors.js'
import { afterRealTime } from './follower.js'
import { impossibleAppend } from './opening.js'

/** With the time that a call may take it is known within ten seconds that the log cannot be used. */
const EVERY_MS = 5_000

export type ReachOptions = Readonly<{
  onTrouble?: (message: string) => void
  after?: (ms: number, callback: () => void) => () => void
}>

class Reach {
  /** Why the log cannot be used now. */
  outage: string | undefined
  private hasWritten = false
  private isAsking = false
  private isStopped = false
  private stopTimer = (): void => undefined

  constructor(
    private readonly inner: StoreCalls,
    private readonly identityStream: string,
    private readonly tell: (message: string) => void,
    private readonly after: NonNullable<ReachOptions['after']>,
  ) {}

  /** The same calls, listened to. */
  get calls(): StoreCalls {
    const { inner } = this
    return {
      append: (...append) => this.heard(inner.append(...append), true),
      read: (wish, show) => this.heard(inner.read(wish, show), false),
      subscribe: (...wish) => this.heard(inner.subscribe(...wish), false),
      delete: (stream) => inner.delete(stream),
      serverVersion: () => inner.serverVersion(),
      close: () => inner.close(),
    }
  }

  private async heard<A>(call: Promise<A>, isWrite: boolean): Promise<A> {
    try {
      const answer = await call
      if (isWrite) this.hasWritten = true
      return answer
    } catch (error) {
      if (callFaultOf(error).kind === 'denied' && this.outage === undefined) void this.ask()
      throw error
    }
  }

  start(): void {
    this.stopTimer = this.after(EVERY_MS, () => {
      if (this.isStopped) return
      void this.ask()
      this.start()
    })
  }

  stop(): void {
    this.isStopped = true
    this.stopTimer()
  }

  private async ask(): Promise<void> {
    if (this.isAsking || this.isStopped) return
    this.isAsking = true
    const { hasWritten } = this
    this.hasWritten = false
    const isWriteAsked = !hasWritten || this.outage !== undefined
    try {
      await this.try(isWriteAsked).catch((error: unknown) => {
        // As after a change of leader, whose next call goes to the right one; silence has taken its time already.
        if (callFaultOf(error).kind === 'unclear' && !(error instanceof NoAnswer))
          return this.try(isWriteAsked)
        throw error
      })
      this.over()
    } catch (error) {
      this.begun(callFaultOf(error).reason)
    } finally {
      this.isAsking = false
    }
  }

  private async try(isWriteAsked: boolean): Promise<void> {
    const { inner, identityStream } = this
    await inner.read({ prefix: '', from: 'end', isBackward: true, count: 1 }, () => true)
    if (isWriteAsked) await inner.append(identityStream, ...impossibleAppend(randomUUID(), 0))
  }

  private begun(reason: string): void {
    if (this.isStopped) return
    if (this.outage === undefined) this.tell(`the log cannot be used: ${reason}`)
    this.outage = reason
  }

  private over(): void {
    if (this.outage === undefined) return
    this.outage = undefined
    this.tell('the log can be used again')
  }
}

/** A log that says in its condition when the server does not let it work. */
export const withReach = (
  connection: StoreCalls,
  identityStream: string,
  options: ReachOptions,
  open: (calls: StoreCalls) => EventLog,
): EventLog => {
  const { onTrouble, after = afterRealTime } = options
  const listeners = new Set<(message: string) => void>()
  const tell = (message: string): void => {
    onTrouble?.(message)
    for (const listener of [...listeners]) listener(message)
  }
  const reach = new Reach(connection, identityStream, tell, after)
  const log = open(reach.calls)
  reach.start()
  return {
    ...log,
    onTrouble: (listener) => {
      const own = (message: string): void => listener(message)
      const stop = log.onTrouble?.(own)
      listeners.add(own)
      return () => {
        stop?.()
        listeners.delete(own)
      }
    },
    condition: () => {
      const { outage } = reach
      return outage === undefined ? log.condition() : { ...log.condition(), outage }
    },
    close: () => {
      reach.stop()
      return log.close()
    },
  }
}
