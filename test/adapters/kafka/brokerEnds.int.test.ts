// A broker in tests ends with the program that started it, however that ends: who kills a test run finds no Java left behind.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { answers, freePort } from '../../support/kafka/broker.js'
import { until } from '../../support/kafka/relayRun.js'

const LIMIT_MS = 300_000
/** The compiled program. */
const RUNNER = fileURLToPath(new URL('../../support/kafka/runnerChild.js', import.meta.url))
const SCRIPT = fileURLToPath(new URL('../../../scripts/kafka.mjs', import.meta.url))

let directory: string
let port: number
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ledgerq-broker-'))
  port = await freePort()
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const script = (command: string): ChildProcess =>
  spawn(process.execPath, [SCRIPT, command, '--port', String(port), '--data', directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
const ended = async (child: ChildProcess): Promise<unknown> => {
  const [code] = await once(child, 'exit')
  return code
}

it(
  'a broker whose program was killed ends',
  async () => {
    const program = script('run')
    await until(() => answers(port))
    const over = ended(program)
    program.kill('SIGKILL')
    await over
    await until(async () => !(await answers(port)))
  },
  LIMIT_MS,
)

it(
  'a broker of a test ends when the run of the tests was killed, though the worker that runs them is another process',
  async () => {
    const runner = fork(RUNNER, [String(port), directory])
    await until(() => answers(port))
    const over = ended(runner)
    runner.kill('SIGKILL')
    await over
    await until(async () => !(await answers(port)))
  },
  LIMIT_MS,
)

it(
  'one that was started for the background goes on, until it is stopped',
  async () => {
    expect(await ended(script('start'))).toBe(0)
    expect(await answers(port)).toBe(true)
    expect(await ended(script('stop'))).toBe(0)
    await until(async () => !(await answers(port)))
  },
  LIMIT_MS,
)
