// A log file of bounded size: `queue.log` is written, `queue.log.1` is the one before, and so on up to a number of files.
// Written synchronously: lines are few (what could come often is rate limited), each is there when the process dies a
// moment later, and nothing piles up in memory. It goes to the page cache, never to a sync.
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export type RotatingFileOptions = Readonly<{
  path: string
  /** A file is ended before a line that would make it larger. */
  bytesMax: number
  /** Files kept, the one that is written included. */
  filesMax: number
  /** Told once, until writing works again. */
  onTrouble: (reason: string) => void
}>

export type LineSink = Readonly<{ write: (line: string) => void; close: () => void }>

const MODE = 0o640
const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)

/** @throws Error with the code of the system when the file cannot be opened */
export const openRotatingFile = (options: RotatingFileOptions): LineSink => {
  const { path, bytesMax, filesMax, onTrouble } = options
  let descriptor: number | undefined
  let bytes = 0
  let inTrouble = false

  const open = (): number => {
    const opened = openSync(path, 'a', MODE)
    bytes = fstatSync(opened).size
    descriptor = opened
    return opened
  }
  const close = (): void => {
    if (descriptor !== undefined) closeSync(descriptor)
    descriptor = undefined
  }
  const rotate = (): void => {
    close()
    if (filesMax === 1) rmSync(path, { force: true })
    for (let number = filesMax - 1; number >= 1; number -= 1) {
      const from = number === 1 ? path : `${path}.${number - 1}`
      try {
        renameSync(from, `${path}.${number}`)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
      }
    }
  }
  const write = (line: string): void => {
    const chunk = Buffer.from(`${line}\n`, 'utf8')
    try {
      if (descriptor === undefined) open()
      if (bytes > 0 && bytes + chunk.length > bytesMax) rotate()
      const target = descriptor ?? open()
      for (let done = 0; done < chunk.length; ) done += writeSync(target, chunk, done)
      bytes += chunk.length
      inTrouble = false
    } catch (error) {
      // A full disk must not stop the queue: the line is lost, the next one tries again.
      if (!inTrouble) onTrouble(codeOf(error))
      inTrouble = true
    }
  }
  mkdirSync(dirname(path), { recursive: true })
  open()
  return { write, close }
}
