// Where a command speaks: data on stdout, talk on stderr. What comes from messages is made fit for one line of a terminal
// first, as its author may be hostile (escape sequences, text that runs backwards).

import { once } from 'node:events'
import type { Writable } from 'node:stream'

export type Terminal = Readonly<{
  /** Data, one line. */
  out: (line: string) => void
  /** Data that may be long: waits while the reader is slow. */
  outSlowly: (line: string) => Promise<void>
  /** Talk, one line. */
  say: (line: string) => void
  stderr: Writable
  /** A person looks at stderr: progress bars are drawn. */
  isWatched: boolean
  /** A person looks at stdout: lines are cut at its width. */
  columns: number | undefined
}>

type TerminalStream = Writable & { isTTY?: boolean; columns?: number }

export const terminalOf = (stdout: TerminalStream, stderr: TerminalStream): Terminal => ({
  out: (line) => {
    stdout.write(`${line}\n`)
  },
  outSlowly: async (line) => {
    if (!stdout.write(`${line}\n`)) await once(stdout, 'drain')
  },
  say: (line) => {
    stderr.write(`${line}\n`)
  },
  stderr,
  isWatched: stderr.isTTY === true,
  columns: stdout.isTTY === true ? stdout.columns : undefined,
})

const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

export const printable = (text: string): string => text.replace(UNPRINTABLE, '\ufffd')
