// The way of a new user, with real processes: serve, send a file, run a worker, look at history and dead letters, redrive,
// kill, start again, verify.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Program, run, start, temporaryFolder } from './ledgerq.js'

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url))

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

const started = (args: ReadonlyArray<string>, environment = {}): Program => {
  const program = start(args, environment)
  programs.push(program)
  return program
}

const serve = async (
  data = join(folder.path, 'data'),
): Promise<{ server: Program; at: { LEDGERQ_URL: string } }> => {
  const server = started(['serve', '--port', '0', '--data', data])
  const [, url = ''] = await server.says(/(http:\/\/[\d.]+:\d+)/)
  return { server, at: { LEDGERQ_URL: url } }
}

const json = async <A>(args: ReadonlyArray<string>, at: Readonly<Record<string, string>>): Promise<A> => {
  const { out, err } = await run(['--json', ...args], at)
  expect(err).toBe('')
  return JSON.parse(out) as A
}

const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  while (!(await isSo()));
}

type Stats = Readonly<{
  stats: Readonly<{ succeeded: number; dead: number; pending: number; retrying: number; enqueued: number }>
}>

describe('the walk-through', () => {
  it('takes the examples through retries, dead letters, history and redrive; R01: a kill -9 loses nothing', async () => {
    const data = join(folder.path, 'data')
    const first = await serve(data)
    await run(['queue', 'create', 'orders'], first.at)
    const sent = await run(
      ['message', 'send', 'orders', '--file', join(EXAMPLES, 'messages.ndjson')],
      first.at,
    )
    expect(sent).toEqual({ code: 0, out: '30 messages sent to orders.\n', err: '' })
    first.server.process.kill('SIGKILL')
    await first.server.ended

    const { server, at } = await serve(data)
    const again = ['message', 'send', 'orders', '--file', '-', '--run', 'none']
    expect((await run(again, at)).code).toBe(0)
    const worker = started(['worker', '--handlers', join(EXAMPLES, 'handlers'), '--verbose'], at)
    const [, retried = ''] = await worker.says(/(orders\.0\.\w+) {2}attempt 2 {2}done/)
    await until(async () => {
      const { stats } = await json<Stats>(['queue', 'show', 'orders'], at)
      return stats.succeeded === 28 && stats.dead === 2
    })
    const { events } = await json<{ events: ReadonlyArray<{ type: string }> }>(
      ['message', 'history', retried],
      at,
    )
    expect(events.map(({ type }) => type)).toEqual([
      'MessageEnqueued',
      'AttemptStarted',
      'AttemptFailed',
      'RetryScheduled',
      'AttemptStarted',
      'AttemptSucceeded',
    ])
    expect((await run(['dlq', 'list', 'orders'], at)).out).toMatch(
      /BUSINESS[\s\S]*the card of order 10\d\d has expired/,
    )

    expect((await run(['dlq', 'redrive', 'orders'], at)).code).toBe(2)
    expect(await json(['dlq', 'redrive', 'orders', '--dry-run'], at)).toEqual({
      redriven: 2,
      refused: 0,
      dryRun: true,
    })
    worker.process.kill('SIGTERM')
    expect((await worker.ended).code).toBe(0)
    expect(await json(['dlq', 'redrive', 'orders', '--yes'], at)).toEqual({
      redriven: 2,
      refused: 0,
      dryRun: false,
    })
    expect((await json<Stats>(['queue', 'show', 'orders'], at)).stats).toMatchObject({
      pending: 2,
      dead: 0,
      enqueued: 30,
    })

    server.process.kill('SIGTERM')
    expect((await server.ended).code).toBe(0)
    const verified = await run(['log', 'verify', '--log', data])
    expect(verified).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^sound [\s\S]*partition-orders~1\.0/),
    })
    expect((await run(['log', 'tail', '--data', join(folder.path, 'none')])).code).toBe(3)
    const tail = await run(['--json', 'log', 'tail', '--data', data, '--limit', '3'])
    expect(
      tail.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).position),
    ).toHaveLength(3)
  })

  it('shows the log of a running server, and follows it across a restart', async () => {
    const data = join(folder.path, 'data')
    const { server, at } = await serve(data)
    const port = new URL(at.LEDGERQ_URL).port
    await run(['queue', 'create', 'orders'], at)
    await run(['queue', 'create', 'mail'], at)
    const positions = async (...args: ReadonlyArray<string>): Promise<ReadonlyArray<number>> => {
      const { out, code } = await run(['--json', 'log', 'tail', ...args], at)
      expect(code).toBe(0)
      return out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).position as number]))
    }
    expect(await positions('--from', '0', '--limit', '2')).toEqual([0, 1])
    const all = await positions('--limit', '1000')
    expect(await positions('--limit', '1')).toEqual(all.slice(-1))
    expect(await positions('--from', '1000')).toEqual([])

    const follower = started(['log', 'tail', '--follow', '--queue', 'orders', '--limit', '1'], at)
    await run(['message', 'send', 'mail', '"not this one"'], at)
    await run(['message', 'send', 'orders', '"first"'], at)
    await follower.says(/MessageEnqueued {2}orders\.0\.1 .*first/)
    server.process.kill('SIGTERM')
    await server.ended
    await follower.says(/trying again/)
    const again = started(['serve', '--port', port, '--data', data])
    await again.says(/http:/)
    await run(['message', 'send', 'orders', '"second"'], at)
    await follower.says(/MessageEnqueued {2}orders\.0\.2 .*second/)
    follower.process.kill('SIGTERM')
    const { code, out } = await follower.ended
    expect(code).toBe(0)
    expect(out).not.toContain('not this one')
    expect(out.split('first')).toHaveLength(2)
    expect((await run(['log', 'tail', '--follow', '--data', data], at)).code).toBe(2)
    expect((await run(['log', 'tail', '--data', data], at)).code).toBe(4)
  })

  it('R61: SIGTERM under load ends the server within 10 s without an unknown outcome', async () => {
    const { server, at } = await serve()
    await run(['queue', 'create', 'orders', '--max-size', '100000'], at)
    const file = join(folder.path, 'many.ndjson')
    writeFileSync(file, '1\n'.repeat(60_000))
    const sender = started(
      ['message', 'send', 'orders', '--file', file, '--payload-only', '--patience', '0'],
      at,
    )
    await until(async () => (await json<Stats>(['queue', 'show', 'orders'], at)).stats.enqueued > 0)
    server.process.kill('SIGTERM')
    expect((await server.ended).code).toBe(0)
    const { code, err } = await sender.ended
    expect(err).not.toMatch(/may or may not|before the answer came/)
    // On a fast machine the file may have been sent by then.
    if (code !== 0) expect(err).toMatch(/To go on: ledgerq message send orders .*--run \S+ --from-line \d+/)
  })
})

describe('exit codes and sentences', () => {
  it('1, 2, 3 and 4 are failed, usage, not found and conflict, each with one line', async () => {
    const { at } = await serve()
    await run(['queue', 'create', 'orders'], at)
    const bad = join(folder.path, 'bad.ndjson')
    writeFileSync(bad, '{"payload":1}\nnonsense\n')
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, number, RegExp]> = [
      [['message', 'send', 'orders', '--file', bad], 1, /^line 2: the text is not JSON/],
      [['--url', 'http://127.0.0.1:9', 'queue', 'list'], 1, /^(no server answers|the connection)/],
      [['--url', 'nonsense', 'queue', 'list'], 2, /^--url: accepted is an http:\/\/ or https/],
      [['message', 'send', 'orders'], 2, /^Give one payload as JSON, or --file/],
      [['message', 'send', 'orders', '{'], 2, /is not JSON/],
      [['message', 'list', 'orders', '--state', 'gone'], 2, /^--state: accepted is one of/],
      [['queue', 'delete', 'orders'], 2, /^This would delete the queue orders.*--yes/],
      [['nonsense'], 2, /unknown command/],
      [['queue', 'show', 'none'], 3, /^there is no queue "none"/],
      [['message', 'show', 'orders.0.zz'], 3, /^There is no message/],
      [['message', 'send', 'orders', '--file', join(folder.path, 'none')], 3, /cannot be read: ENOENT/],
      [['queue', 'delete', 'orders', '--yes'], 4, /^the queue "orders" holds 1 messages/],
    ]
    for (const [args, code, sentence] of cases) {
      const ran = await run(args, at)
      expect({ args, code: ran.code }).toEqual({ args, code })
      expect(ran.err).toMatch(sentence)
      expect(ran.err).not.toMatch(/\n\s+at /)
    }
    expect((await run(['queue', 'delete', 'orders', '--yes', '--even-if-not-empty'], at)).code).toBe(0)
  })

  it('R14: a second server on the same directory exits with one line and code 4', async () => {
    const data = join(folder.path, 'data')
    await serve(data)
    const second = await run(['serve', '--port', '0', '--data', data])
    expect(second).toMatchObject({ code: 4, out: '' })
    expect(second.err.trim().split('\n')).toHaveLength(1)
    expect(second.err).toContain('in use by another process')
  })

  it('flags win over the environment, and neither opens a network without a token', async () => {
    const data = join(folder.path, 'data')
    const open = await run(['serve', '--data', data, '--host', '0.0.0.0'], { LEDGERQ_HOST: '127.0.0.1' })
    expect(open).toMatchObject({ code: 2, err: expect.stringContaining('without a token') })
    expect(await run(['serve'], { LEDGERQ_PORT: 'many' })).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^LEDGERQ_PORT: accepted is/),
    })
  })

  it('a second signal ends the server at once', async () => {
    const { server, at } = await serve()
    await run(['queue', 'create', 'orders'], at)
    server.process.kill('SIGTERM')
    await server.says(/Stopping/)
    server.process.kill('SIGTERM')
    expect([0, 143]).toContain((await server.ended).code)
  })
})

describe('handlers of a folder', () => {
  it('are refused when a link leads outside, when a name is no queue, and when nothing handles', async () => {
    const { at } = await serve()
    const handlers = (name: string, text: string): string => {
      const path = join(folder.path, `${name}-handlers`)
      mkdirSync(path)
      if (text !== '') writeFileSync(join(path, `${name}.mjs`), text)
      return path
    }
    const outside = handlers('outside', '')
    symlinkSync(join(EXAMPLES, 'handlers', 'orders.mjs'), join(outside, 'orders.mjs'))
    const cases: ReadonlyArray<readonly [string, RegExp]> = [
      [outside, /orders\.mjs: links to a file outside/],
      [handlers('$all', 'export default () => 1'), /a file is named after its queue/],
      [
        handlers('nothing', 'export const other = 1'),
        /accepted is a function as default export or as "handler"/,
      ],
      [
        handlers('many', 'export default () => 1\nexport const concurrency = "many"'),
        /concurrency is a whole number/,
      ],
      [handlers('empty', ''), /there is no \.js or \.mjs file/],
    ]
    for (const [path, sentence] of cases) {
      expect(await run(['worker', '--handlers', path], at)).toMatchObject({
        code: 2,
        err: expect.stringMatching(sentence),
      })
    }
  })
})
