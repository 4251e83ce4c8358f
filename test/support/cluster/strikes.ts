// What can strike a cluster, and what one strike draws from its number: whom it hits and what goes wrong besides. The moments are
// those of real processes.
import { Dice } from '../simulationSwarm.js'

export const STRIKES = [
  /** The node is killed and started again. */
  'killed',
  /** SIGSTOP until the others have taken over and leases have run out, then on. */
  'frozen',
  /** Its way to the log: reset, without any answer, or with requests that arrive and answers that do not. */
  'log cut',
  'log silent',
  'log answers lost',
  /** So for a moment, then its connections are reset: what was committed meanwhile is never answered, nor can it be asked for again. */
  'log answers dropped',
  /** The others cannot reach it, and it can reach them. */
  'peers cut',
  'peers silent',
  /** Only one node can be reached by the others; all of them reach it, the log and their clients. */
  'others cut',
  /** Neither the log, nor the others, nor clients. */
  'alone',
  /** SIGTERM: its queues are handed over first. */
  'told to end',
  /** Its wall clock is set by minutes, forwards and back. */
  'clock set',
  /** Two of three at the same moment. */
  'two killed',
  /** The log itself: nobody listens, nobody answers, everybody waits. */
  'log away',
  'log frozen',
  'log slow',
  /** It commits and says that another has written there, as if it had forgotten whose writes they are. */
  'appends forgotten',
  /** Appends are on their way for as long as it takes to kill the owner and to replace it, and then they arrive. */
  'appends late',
  /** One after the other told to end and started again. */
  'rolling restart',
  'worker killed',
  'worker frozen',
  /** Of Kafka; only where there is one. */
  'broker killed',
  'broker frozen',
] as const

export type StrikeKind = (typeof STRIKES)[number]

export type Strike = Readonly<{
  seed: number
  kind: StrikeKind
  /** `owner` = the node that owns most; otherwise any. */
  whom: 'owner' | 'any'
}>

export const strikeOf = (seed: number, kinds: ReadonlyArray<StrikeKind> = STRIKES): Strike => {
  const dice = new Dice(seed)
  return { seed, kind: dice.pick(kinds), whom: dice.chance(0.8) ? 'owner' : 'any' }
}

/** Those after which another node has to take over. */
export const TAKEOVERS: ReadonlyArray<StrikeKind> = [
  'killed',
  'frozen',
  'log cut',
  'log silent',
  'log answers lost',
  'log answers dropped',
  'alone',
  'two killed',
]
/** Those in which a node goes in peace. */
export const HANDOVERS: ReadonlyArray<StrikeKind> = ['told to end', 'rolling restart']
