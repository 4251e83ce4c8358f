// What runs messages, as a program that uses ledgerq sees it: handlers, processors, what may be asked of a worker, and
// what it tells about itself. The same for workers in this process and for those of a ledger behind HTTP.
import type { FailureType } from '../../../domain/failure/index.js'
import type { BatchWorker } from './batches.js'
import type { AttemptContext, Message } from './index.js'

/**
 * Resolving = success (the value is kept as the result when it is JSON and not larger than 16 KiB); throwing, or answering
 * `false`, = failure, classified by the queue's classifier. Return `release()` or `fail()` for the other outcomes.
 */
export type Handler<A> = (message: Message<A>, context: AttemptContext) => unknown

/** Handlers by the type of the message; `'*'` takes what has none. A type without a handler is a system error. */
export type HandlersByType<A> = Readonly<Record<string, Handler<A>>>
export type Handlers<A> = Handler<A> | HandlersByType<A>

/** A check that tells whether what a processor needs is there: throwing, or answering `false`, = it is sick. */
export type HealthProbe = Readonly<{
  /** The signal fires at the time limit. */
  check: (signal: AbortSignal) => unknown
  /** From the end of one check to the next. Default 10 s. */
  everyMs?: number
  /** No answer within this time = sick. Default 5 s. */
  timeoutMs?: number
}>

/** A handler that says itself which messages it takes. */
export type Processor<A> = Readonly<{
  name: string
  canProcess: (message: Message<A>) => boolean
  handle: Handler<A>
  /** While it is sick the circuit of this zone is forced open, and no message of the zone is started (C7). */
  zone?: string
  /** A sick processor is passed over. Without a probe it counts as healthy. */
  health?: HealthProbe
}>

export type ProcessorStatus = Readonly<{
  name: string
  zone: string | undefined
  healthy: boolean
  /** What the last check said, of a sick one. */
  why: string | undefined
  /** ISO 8601; undefined = never. */
  checkedAt: string | undefined
}>

/** What a check found out about the effect of an earlier attempt. */
export type Reconciled = Readonly<{ done: true; result?: unknown }>

export type ProcessOptions<A = unknown> = Readonly<{
  /** Messages in work at once. Default: the queue's `concurrency`. */
  concurrency?: number
  /** Name in the log; default `local:<incarnation>:<n>`. */
  name?: string
  /** Error → failure type; undefined = ask the default classifier. */
  classify?: (error: unknown) => FailureType | undefined
  /** Called with what went wrong beside the handler: a refused ack, a lost connection. Default: ignored. */
  onError?: (error: Error) => void
  /** false = it claims nothing before `start()`. Default true. */
  autoStart?: boolean
  /**
   * Asked before the handler for a message whose last worker died in it or lost its lease (C5): has the effect happened?
   * `done` = the message succeeded without another run; undefined = run the handler. Throwing fails the attempt.
   */
  reconcile?: (
    message: Message<A>,
    context: AttemptContext,
  ) => Promise<Reconciled | undefined> | Reconciled | undefined
  /**
   * By failure type, `'*'` for the others but SYSTEM: called after the handler failed, inside the same attempt and its time
   * limit. What it returns with `release()` or `fail()` replaces the outcome; undefined leaves it. When it throws, the
   * failure stays what it was, and `onError` hears of it (C11).
   */
  onFailure?: Readonly<
    Record<string, (message: Message<A>, error: unknown, context: AttemptContext) => unknown>
  >
  /** Asked in this order before the handlers; more can be added while the worker runs. */
  processors?: ReadonlyArray<Processor<A>>
  /**
   * Where no processor takes a message and there is no handler: `systemError` (the default) dead-letters it at once;
   * `release` hands it back uncounted, with growing pauses, 60 times at most by one worker.
   */
  whenNone?: 'systemError' | 'release'
  /** Hears of each change in a processor's health. */
  onHealth?: (status: ProcessorStatus) => void
}>

export type WorkerStatus = Readonly<{
  id: string
  queue: string
  state: 'running' | 'stopping' | 'stopped'
  /** Messages in work now, of at most `concurrency`. */
  running: number
  /** Undefined until a remote worker has asked for its queue's. */
  concurrency: number | undefined
  /** Outcomes since it was made. */
  succeeded: number
  failed: number
  released: number
  processors: ReadonlyArray<ProcessorStatus>
}>

/** What all kinds of workers have in common. */
export type WorkerLifecycle = Readonly<{
  /** The same as `id`. */
  name: string
  /** Stands in the log with each attempt. */
  id: string
  /** Messages in work now. */
  running: () => number
  isRunning: () => boolean
  /** Claims from now on; nothing when it does already. @throws Error while it is stopping */
  start: () => void
  /** Stops claiming, waits up to `graceMs` (default 10 s) for handlers, hands the rest back uncounted. */
  stop: (options?: { graceMs?: number }) => Promise<void>
}>

export type Worker<A = unknown> = WorkerLifecycle &
  Readonly<{
    status: () => WorkerStatus
    /** Behind the others. @throws RangeError when there is one of that name */
    // A method, so that a worker of whatever payload is a `Worker`.
    addProcessor(processor: Processor<A>): void
    /** What it runs now goes on. False = there is none of that name. */
    removeProcessor: (name: string) => boolean
  }>

export type ProcessOneOptions<A> = Omit<ProcessOptions<A>, 'concurrency' | 'autoStart'> &
  Readonly<{
    /** This message and no other; refused when it cannot be claimed now. */
    id?: string
  }>

/** How one message's run ended, as it was recorded. */
export type ProcessedOne = Readonly<{ id: string }> &
  (
    | Readonly<{ outcome: 'succeeded'; result: unknown }>
    | Readonly<{ outcome: 'failed'; failure: Readonly<{ type: string; message: string }> }>
    | Readonly<{ outcome: 'released' }>
  )

export type WorkerOperations<A> = Readonly<{
  process: (handlers: Handlers<A>, options?: ProcessOptions<A>) => Worker<A>
  /** Claims one message, runs it, records the outcome. Undefined = none is ready. */
  processOne: (handlers: Handlers<A>, options?: ProcessOneOptions<A>) => Promise<ProcessedOne | undefined>
}>

/** The end of one run, told by workers of a folder. */
export type FolderRun = Readonly<{
  queue: string
  id: string
  attempt: number
  /** What the handler threw, or reported; undefined = it succeeded or handed the message back. */
  failure: unknown
}>

export type FolderOptions = Readonly<{
  /** Of each worker, whatever its file says. */
  concurrency?: number
  autoStart?: boolean
  onError?: (error: Error, queue: string) => void
  onRun?: (run: FolderRun) => void
}>

export type FolderWorker = Readonly<{ queue: string; file: string; worker: Worker | BatchWorker }>

export type WorkerLedgerOperations = Readonly<{
  /**
   * Runs the handlers of a folder: NAME.mjs or NAME.js handles the queue NAME, which is created when it is not there.
   * Accepted exports: a function, or an object of functions by message type, as default, `handler` or `handlers`;
   * a function as `batchHandler` instead; `sandbox` with its options for a handler in threads; `processors`; `options` as for `process`. All workers start, or none: a RefusedError names the file that is wrong.
   */
  processFolder: (directory: string, options?: FolderOptions) => Promise<ReadonlyArray<FolderWorker>>
  /** Workers of this process, those that stopped included until they are closed with the ledger. */
  workerStatuses: () => ReadonlyArray<WorkerStatus>
}>
