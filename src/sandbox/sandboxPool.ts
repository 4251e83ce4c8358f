// The threads of one sandboxed handler (D12): each runs one message at a time, messages wait for a free one. A thread that runs
// past its message's time limit is ended, one that dies fails that message only; both are replaced, and what keeps dying is
// replaced ever more slowly.
import type { ResourceLimits } from 'node:worker_threads'
import type { AttemptContext, Message } from '../api/types/index.js'
import type { Clock } from '../ports/clock.js'
import { type Answer, SandboxThread, type ThreadOptions } from './sandboxThread.js'
import type { SandboxContext, SandboxMessage } from './threadMessages.js'

/** Before the replacement of a thread that died, doubled for each further one until a message is answered. */
const RESTART_PAUSE_FIRST_MS = 100
const RESTART_PAUSE_MAX_MS = 30_000

export type SandboxStatus = Readonly<{
  threads: number
  busy: number
  /** Messages that wait for a free thread. */
  waiting: number
  /** Threads ended at a time limit, or because their message was no longer ours. */
  ended: number
  /** Threads that died of themselves. */
  crashed: number
  /** Why the latest one could not be replaced. */
  problem: string | undefined
}>

export type PoolOptions = Readonly<{
  module: string
  exportName: string | undefined
  threads: number
  resourceLimits: ResourceLimits
  loadTimeoutMs: number
  clock: Clock
}>

type Run = { readonly message: SandboxMessage; readonly context: SandboxContext; readonly answer: Answer }

export class SandboxPool {
  readonly threads = new Set<SandboxThread>()
  private readonly waiting: Run[] = []
  private users = 0
  private crashesInARow = 0
  private pauses = new Set<() => void>()
  private ended = 0
  private crashed = 0
  private problem: string | undefined

  constructor(readonly options: PoolOptions) {}

  status(): SandboxStatus {
    const { ended, crashed, problem, threads } = this
    const busy = [...threads].filter(({ state }) => state === 'busy').length
    return { threads: threads.size, busy, waiting: this.waiting.length, ended, crashed, problem }
  }

  /** Loads the module in a first thread before it returns. @throws Error when it cannot be loaded */
  open(): void {
    this.users += 1
    if (this.users > 1) return
    const { module, loadTimeoutMs, threads } = this.options
    const first = this.spawn()
    const isLoaded = first.waitUntilLoaded(loadTimeoutMs)
    if (first.state === 'idle') {
      while (this.threads.size < threads) this.spawn()
      return
    }
    this.users = 0
    this.threads.delete(first)
    void first.end()
    const late = isLoaded ? 'the thread died while it loaded it' : `not loaded within ${loadTimeoutMs} ms`
    throw new Error(`sandbox: ${module} cannot be used: ${first.problem ?? late}`)
  }

  /** The last of its users is gone: threads end. */
  async close(): Promise<void> {
    this.users = Math.max(0, this.users - 1)
    if (this.users > 0) return
    for (const cancel of this.pauses) cancel()
    this.pauses.clear()
    const error = new Error('the sandbox is closed')
    for (const { answer } of this.waiting.splice(0)) answer({ error })
    const threads = [...this.threads]
    this.threads.clear()
    await Promise.all(threads.map((thread) => thread.end()))
  }

  async run(message: Message<unknown>, context: AttemptContext): Promise<unknown> {
    const { signal, attempt, leaseToken, inDoubt } = context
    signal.throwIfAborted()
    if (this.users === 0) throw new Error('the sandbox is closed')
    const { id, payload, type, topic, headers, correlationId, causationId, group, enqueuedAt, priority } =
      message
    const plain = {
      id,
      payload,
      type,
      topic,
      headers,
      correlationId,
      causationId,
      group,
      enqueuedAt,
      priority,
    }
    return new Promise((resolve, reject) => {
      const run: Run = {
        message: plain,
        context: { attempt, leaseToken, inDoubt },
        answer: (result) => {
          signal.removeEventListener('abort', aborted)
          if ('error' in result) reject(result.error as Error)
          else resolve(result.value)
        },
      }
      const aborted = (): void => {
        run.answer({ error: signal.reason })
        this.abandon(run)
      }
      signal.addEventListener('abort', aborted, { once: true })
      this.waiting.push(run)
      this.assign()
    })
  }

  private readonly running = new Map<Run, SandboxThread>()

  private assign(): void {
    for (const thread of this.threads) {
      if (thread.state !== 'idle') continue
      const run = this.waiting.shift()
      if (run === undefined) return
      this.running.set(run, thread)
      thread.run({ message: run.message, context: run.context }, (result) => {
        this.running.delete(run)
        if (thread.state !== 'dead') this.crashesInARow = 0
        run.answer(result)
      })
    }
  }

  private abandon(run: Run): void {
    const index = this.waiting.indexOf(run)
    if (index >= 0) this.waiting.splice(index, 1)
    const thread = this.running.get(run)
    if (thread === undefined) return
    this.ended += 1
    void thread.end()
  }

  private spawn(): SandboxThread {
    const { module, exportName, resourceLimits } = this.options
    const options: ThreadOptions = { module, exportName, resourceLimits }
    const thread = new SandboxThread(options, (changed) => this.changed(changed))
    this.threads.add(thread)
    return thread
  }

  private changed(thread: SandboxThread): void {
    if (thread.state === 'dead' && this.threads.delete(thread)) this.replace(thread)
    this.assign()
  }

  private replace(dead: SandboxThread): void {
    this.problem = dead.problem
    if (!dead.hasCrashed && dead.problem === undefined) {
      this.spawn()
      return
    }
    this.crashed += 1
    const pauseMs = Math.min(RESTART_PAUSE_FIRST_MS * 2 ** this.crashesInARow, RESTART_PAUSE_MAX_MS)
    this.crashesInARow += 1
    const cancel = this.options.clock.after(pauseMs, () => {
      this.pauses.delete(cancel)
      this.spawn()
    })
    this.pauses.add(cancel)
  }
}
