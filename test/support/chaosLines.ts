// What processes of a chaos run say about themselves, one line of JSON each. A line is written before what it tells of is
// answered or done, so that a process that dies in between has said enough.
import { writeSync } from 'node:fs'

export type Outcome = 'ack' | 'fail' | 'release'

export type Line =
  | Readonly<{ say: 'ready' }>
  /** An enqueue is about to be asked for, and how it was answered. */
  | Readonly<{ say: 'asking'; payload: string }>
  | Readonly<{ say: 'told'; payload: string; id: string; duplicate: boolean }>
  | Readonly<{ say: 'failed'; payload: string; isUnknown: boolean }>
  /** A handler has begun, and is about to end so. */
  | Readonly<{
      say: 'started'
      leaseToken: string
      n: number
      attempt: number
      running: number
      inDoubt: boolean
    }>
  | Readonly<{ say: 'ending'; leaseToken: string; outcome: Outcome; failureType?: string; delayMs?: number }>
  | Readonly<{ say: 'closed' }>

// Written at once: a line that waited in a buffer would die with the process.
export const say = (line: Line): void => {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`)
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(1, bytes, written)
    } catch (error) {
      // A full pipe: whoever reads it will make room.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

/** The payload of a message for a worker of the library. */
export type Job = Readonly<{
  n: number
  ms: number
  outcome: 'ack' | 'fail' | 'throw' | 'release' | 'followUp' | 'poison'
}>
