// The program as users start it: compiled, in a process of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

export type Ran = Readonly<{ code: number | null; out: string; err: string }>

export type Program = Readonly<{
  process: ChildProcess
  ended: Promise<Ran>
  /** Resolves when the text has appeared on stdout or stderr; rejects when the program ends without it. */
  says: (pattern: RegExp) => Promise<RegExpExecArray>
}>

export const start = (
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {},
): Program => {
  const { PATH } = process.env
  const child = spawn(process.execPath, [PROGRAM, ...args], { env: { PATH, ...environment } })
  let out = ''
  let err = ''
  const waiting = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    for (const wake of waiting) wake()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
    for (const wake of waiting) wake()
  })
  const ended = new Promise<Ran>((resolve) => {
    child.on('close', (code) => resolve({ code, out, err }))
  })
  const says = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(`${out}\n${err}`)
        if (found === null) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
      void ended.then(() => reject(new Error(`it ended without saying ${pattern}: ${out}${err}`)))
    })
  child.stdin.end()
  return { process: child, ended, says }
}

export const run = (
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> => start(args, environment).ended

export const temporaryFolder = (): Readonly<{ path: string; remove: () => void }> => {
  const path = mkdtempSync(join(tmpdir(), 'ledgerq-cli-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
