// What a scenario is. Each step runs in a process of its own, so that the memory, the collector and the compiled code of
// one do not touch another; steps with the same `folder` meet the same log directory, one after the other. Whenever a step
// says what its log must hold, a separate reader counts it there (verify.ts) before the next step begins.

export type Figures = Readonly<Record<string, number>>

/** Messages of each queue, each enqueued once; of those, `succeeded` started and succeeded exactly once. */
export type ExpectedOfQueue = Readonly<{
  enqueued: number
  succeeded: number
  /** The worker was stopped amid its work, so it gave back what it had claimed and not begun. */
  handedBack?: true
}>
export type Expected = Readonly<Record<string, ExpectedOfQueue>>

export type Bench = Readonly<{
  /** Base number of messages; each scenario takes its share of it. */
  n: number
  /** Messages waiting in scenarios about a deep backlog. */
  backlog: number
  /** The log's directory. */
  directory: string
  /** Figures of the steps before in this scenario. */
  earlier: Figures
  /** Where to write a CPU profile of the measured part; undefined = none. */
  profile: Readonly<{ folder: string; name: string }> | undefined
  /** How many of the slowest messages to explain, where a scenario can (`latency`); 0 = none, and nothing is traced. */
  trace: number
  progress: (what: string) => void
}>

export type StepResult = Readonly<{
  figures: Figures
  expected?: Expected
  /** What was seen to go wrong from inside: a handler called twice, a group out of order. */
  problems?: ReadonlyArray<string>
}>

export type Step = Readonly<{
  name: string
  folder?: string
  /** Ends by SIGKILL right after its result, instead of closing. */
  killed?: true
  run: (bench: Bench) => Promise<StepResult>
}>

export type Scenario = Readonly<{ name: string; about: string; steps: ReadonlyArray<Step> }>
