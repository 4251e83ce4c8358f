// One thread of a sandbox, from this side (D12): started, given one message at a time, ended. Answers once what became of the
// message, also when the thread dies of it.
import {
  MessageChannel,
  type MessagePort,
  type ResourceLimits,
  receiveMessageOnPort,
  Worker,
} from 'node:worker_threads'
import { RESULT_CHARS_MAX } from '../worker/attempt.js'
import { errorFrom, type FromThread, type ThreadData, type ToThread, wishFrom } from './threadMessages.js'

const PROGRAM = new URL('./threadMain.js', import.meta.url)

export type ThreadOptions = Readonly<{
  module: string
  exportName: string | undefined
  resourceLimits: ResourceLimits
}>

/** The thread ended with the message in it: process.exit, no memory left, an error that nobody caught. */
export class SandboxCrash extends Error {
  override readonly name = 'SandboxCrash'
  readonly failureType = 'CRASH'
}

export type Answer = (result: { value: unknown } | { error: unknown }) => void

export class SandboxThread {
  private readonly worker: Worker
  private readonly port: MessagePort
  private readonly flag: Int32Array
  private current: { run: number; answer: Answer } | undefined
  private runs = 0
  private why: Error | undefined
  private isEnding = false
  state: 'loading' | 'idle' | 'busy' | 'dead' = 'loading'
  /** Why its module could not be loaded. */
  problem: string | undefined

  constructor(
    options: ThreadOptions,
    private readonly onChange: (thread: SandboxThread) => void,
  ) {
    const { port1, port2 } = new MessageChannel()
    this.port = port1
    const loaded = new SharedArrayBuffer(4)
    this.flag = new Int32Array(loaded)
    const { module, exportName, resourceLimits } = options
    const resultCharsMax = RESULT_CHARS_MAX
    const workerData: ThreadData = { module, exportName, resultCharsMax, port: port2, loaded }
    this.worker = new Worker(PROGRAM, {
      workerData,
      transferList: [port2],
      resourceLimits,
      name: 'ledgerq-sandbox',
    })
    this.worker.on('error', (error: Error) => {
      this.why = error
    })
    this.worker.on('exit', (code) => this.died(code))
    this.port.on('message', (message: FromThread) => this.heard(message))
    // Threads that have nothing to do must not keep a process that is done.
    this.hold(false)
  }

  /** Blocks until the module is loaded, as a static import would; false = not within the time. */
  waitUntilLoaded(ms: number): boolean {
    Atomics.wait(this.flag, 0, 0, ms)
    const received = receiveMessageOnPort(this.port) as { message: FromThread } | undefined
    if (received !== undefined) this.heard(received.message)
    return Atomics.load(this.flag, 0) === 1
  }

  run(asked: Omit<ToThread, 'run'>, answer: Answer): void {
    const run = ++this.runs
    this.current = { run, answer }
    this.state = 'busy'
    this.hold(true)
    try {
      this.port.postMessage({ run, ...asked } satisfies ToThread)
    } catch (error) {
      this.answered({ error })
    }
  }

  /** The only way to stop code that does not give up its thread. */
  async end(): Promise<void> {
    this.isEnding = true
    await this.worker.terminate()
  }

  /** True when it was not us who ended it. */
  get hasCrashed(): boolean {
    return this.state === 'dead' && !this.isEnding
  }

  private heard(message: FromThread): void {
    switch (message.kind) {
      case 'loaded':
        this.state = 'idle'
        this.onChange(this)
        return
      case 'notLoaded':
        this.problem = message.reason
        void this.end()
        return
      case 'returned':
        if (message.run !== this.current?.run) return
        return this.answered({ value: message.json === undefined ? undefined : JSON.parse(message.json) })
      case 'wished':
        if (message.run === this.current?.run) this.answered({ value: wishFrom(message.wish) })
        return
      case 'threw':
        if (message.run === this.current?.run) this.answered({ error: errorFrom(message.errors) })
    }
  }

  private answered(result: Parameters<Answer>[0]): void {
    const { current } = this
    this.current = undefined
    if (this.state !== 'dead') this.state = 'idle'
    this.hold(false)
    current?.answer(result)
    this.onChange(this)
  }

  private died(code: number): void {
    // What it said before it died counts: an answer may still stand on the port.
    for (;;) {
      const received = receiveMessageOnPort(this.port) as { message: FromThread } | undefined
      if (received === undefined) break
      this.heard(received.message)
    }
    this.state = 'dead'
    this.port.close()
    const why = this.why === undefined ? `exit code ${code}` : `${this.why.name}: ${this.why.message}`
    if (this.current !== undefined)
      this.answered({ error: new SandboxCrash(`the sandbox thread died: ${why}`, { cause: this.why }) })
    else this.onChange(this)
  }

  private hold(isHeld: boolean): void {
    if (isHeld) {
      this.worker.ref()
      this.port.ref()
    } else {
      this.worker.unref()
      this.port.unref()
    }
  }
}
