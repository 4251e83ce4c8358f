// A server that is configured by a file: its queues, its log, its policy; and `config` beside it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Program, run, start, temporaryFolder } from './ledgerq.js'

let folder: ReturnType<typeof temporaryFolder>
const programs: Program[] = []
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(async () => {
  for (const { process } of programs) process.kill('SIGKILL')
  await Promise.all(programs.splice(0).map(({ ended }) => ended))
  folder.remove()
})

const configured = (content: object): string => {
  const path = join(folder.path, 'settings.json')
  writeFileSync(path, JSON.stringify(content), { mode: 0o600 })
  return path
}
const serve = async (file: string, ...args: string[]): Promise<{ server: Program; url: string }> => {
  const server = start(['serve', '--config', file, '--port', '0', ...args])
  programs.push(server)
  const [, url = ''] = await server.says(/(http:\/\/[\d.]+:\d+)/)
  return { server, url }
}
const queues = async (
  url: string,
): Promise<ReadonlyArray<{ queue: string; config: Record<string, unknown> }>> => {
  const response = await fetch(`${url}/api/v1/queues`)
  return ((await response.json()) as { queues: [] }).queues
}
const linesOf = (path: string): ReadonlyArray<Record<string, unknown>> =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('E19, E18: a server of a configuration file', () => {
  it('has its queues, changes them at the next start, and logs into its file', async () => {
    const file = configured({
      data: 'data',
      logging: { file: 'queue.log', level: 'info' },
      queues: { orders: { preset: 'production', maxSize: 7 }, mail: {} },
    })
    const first = await serve(file)
    const [orders] = (await queues(first.url)).filter(({ queue }) => queue === 'orders')
    expect(orders?.config).toMatchObject({ maxSize: 7, concurrency: 25 })
    first.server.process.kill('SIGTERM')
    expect((await first.server.ended).code).toBe(0)
    // Paths are meant from the folder of the file.
    expect(existsSync(join(folder.path, 'data', 'meta.json'))).toBe(true)
    const log = join(folder.path, 'queue.log')
    const events = linesOf(log).map(({ event, queue }) => [event, queue])
    expect(events).toEqual([
      ['ledger opened', undefined],
      ['queue created', 'orders'],
      ['queue created', 'mail'],
      ['ledger closed', undefined],
    ])
    expect(linesOf(log)[1]).toMatchObject({ why: file })

    configured({ data: 'data', logging: { file: 'queue.log' }, queues: { orders: { maxSize: 8 } } })
    const second = await serve(file)
    const again = new Map((await queues(second.url)).map(({ queue, config }) => [queue, config]))
    expect(again.get('orders')).toMatchObject({ maxSize: 8, concurrency: 25 })
    expect(again.has('mail')).toBe(true)
    second.server.process.kill('SIGTERM')
    await second.server.ended
    expect(linesOf(log).map(({ event }) => event)).toContain('queue configured')
  })

  it('A15: with its policy does not create what is merely used; the command line does', async () => {
    const file = configured({ data: 'data', autoCreateQueues: false, logging: { enabled: false } })
    const { server, url } = await serve(file)
    const at = { LEDGERQ_URL: url }
    const put = await fetch(`${url}/api/v1/queues/ordres`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    expect([put.status, await put.json()]).toEqual([
      404,
      expect.objectContaining({ code: 'queue_not_found' }),
    ])
    const created = await run(
      ['--json', 'queue', 'create', 'orders', '--preset', 'test', '--max-size', '9'],
      at,
    )
    expect(JSON.parse(created.out)).toMatchObject({ queue: 'orders', config: { maxSize: 9, circuit: null } })
    const changed = await run(['--json', 'queue', 'create', 'orders', '--max-size', '10'], at)
    expect(JSON.parse(changed.out)).toMatchObject({ config: { maxSize: 10, circuit: null } })
    const wrong = await run(['queue', 'create', 'mail', '--preset', 'fast'], at)
    expect(wrong).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^--preset: accepted is one of standard/),
    })
    server.process.kill('SIGTERM')
    const { err } = await server.ended
    expect(err).toBe('Stopping: no new requests, waiting for answers in flight. Again to stop at once.\n')
  })

  it('does not start on a file that is wrong, or with a log file that cannot be', async () => {
    const wrong = await run([
      'serve',
      '--config',
      configured({ prot: 80, queues: { orders: { maxSize: 0 } } }),
    ])
    expect(wrong).toMatchObject({ code: 2, out: '' })
    expect(wrong.err).toMatch(
      /prot: unknown key; the nearest known one is port.*\(1 more: ledgerq config check/,
    )
    mkdirSync(join(folder.path, 'queue.log'))
    const file = configured({ data: 'data', logging: { file: 'queue.log' } })
    const unwritable = await run(['serve', '--config', file, '--port', '0'])
    expect(unwritable).toMatchObject({
      code: 1,
      err: expect.stringMatching(/queue\.log cannot be opened: EISDIR/),
    })
  })

  it('config show and check answer without a server, and never with a secret', async () => {
    const file = configured({ token: 'hunter2', port: 7000 })
    const shown = await run(['--config', file, 'config', 'show', '--effective'], { LEDGERQ_HOST: '::1' })
    expect(shown).toMatchObject({ code: 0, err: '' })
    expect(shown.out).toMatch(/token +\*{8} +.*settings\.json\n/)
    expect(shown.out).toMatch(/host +::1 +LEDGERQ_HOST\n/)
    expect(shown.out).toMatch(/strict +false +default\n/)
    expect(shown.out).not.toContain('hunter2')
    expect((await run(['--config', file, 'config', 'check'])).out).toBe(`Sound: ${file}\n`)
    expect((await run(['config', 'check'], { LEDGERQ_PRT: '1' })).code).toBe(2)
  })
})
