// What people do to the server a ledger lives on, and what the ledger says of it: never skipped, never guessed (R43, R44), and a log
// that is followed though its subscriptions misbehave (R40).
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { NO_REVISION } from '../../../domain/batch.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import { batchOf, enqueued, run } from '../../contract/eventLog.contract.js'
import { TEST_CERTIFICATE, TEST_KEY } from '../../support/eventstoredb/certificate.js'
import type { Emulator, EmulatorOptions } from '../../support/eventstoredb/emulator.js'
import type { FaultRule } from '../../support/eventstoredb/faults.js'
import { emulated, type LogOptions, until } from './emulated.js'

const STREAM = 'partition-orders~1.0'
const NAMED = `ledgerq.${STREAM}`

const { start, opening, logOn, atEnd } = emulated()

const written = async (log: EventLog, count: number): Promise<void> => {
  const head = await run(log.head(STREAM))
  for (let n = head + 1; n <= head + count; n++) await run(log.append(STREAM, n - 1, batchOf([enqueued(n)])))
}

const setRules = (emulator: Emulator, document: Record<string, unknown>): void => {
  emulator.store.append(`$$${NAMED}`, 'any', [
    {
      id: `rules-${Math.random()}`,
      type: '$metadata',
      contentType: 'application/json',
      data: Buffer.from(JSON.stringify(document)),
      metadata: Buffer.alloc(0),
    },
  ])
}

describe('R43: an operator changes a stream', () => {
  it.each([
    [{ $maxCount: 2 }, /\$maxCount = 2/],
    [{ $maxAge: 60 }, /\$maxAge = 60/],
    [{ $tb: 2 }, /\$tb = 2.*somebody else cut/],
  ])(
    'R43: metadata %j that take events away stop the stream, by name and reason',
    async (document, sentence) => {
      const emulator = await start()
      await written(await logOn(emulator), 5)
      setRules(emulator, document)
      const log = await logOn(emulator)
      const fault = { left: { type: 'LogCorrupt', stream: STREAM, reason: expect.stringMatching(sentence) } }
      expect(await log.read(STREAM, 0, 1_000)()).toMatchObject(fault)
      expect(await log.head(STREAM)()).toMatchObject(fault)
    },
  )

  it('R43: so do they when they are set while the log is open, as soon as something is missing', async () => {
    const emulator = await start()
    const log = await logOn(emulator)
    await written(log, 5)
    setRules(emulator, { $maxCount: 2 })
    expect(await log.read(STREAM, 0, 1_000)()).toMatchObject({
      left: { type: 'LogCorrupt', reason: expect.stringContaining('$maxCount') },
    })
  })

  it.each([
    ['$maxCount', (emulator: Emulator): void => setRules(emulator, { $maxCount: 2 }), /\$maxCount = 2/],
    ['$tb', (emulator: Emulator): void => setRules(emulator, { $tb: 3 }), /somebody else cut the stream/],
    [
      'a soft deletion',
      (emulator: Emulator): void => void emulator.store.delete(NAMED, false),
      /was deleted/,
    ],
  ] as const)(
    'R43: %s is noticed without a read, told, and nothing is appended any more until it is taken back',
    async (_, change, sentence) => {
      const emulator = await start()
      const troubles: string[] = []
      let wake = (): void => undefined
      const said = async (pattern: RegExp): Promise<void> => {
        while (!troubles.some((message) => pattern.test(message)))
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
      const log = await logOn(emulator)
      log.onTrouble?.((message) => {
        troubles.push(message)
        wake()
      })
      await written(log, 5)
      change(emulator)
      await said(/partition-orders~1\.0 is no longer led/)
      expect(troubles.at(-1)).toMatch(sentence)
      expect(await log.append(STREAM, 4, batchOf([enqueued(5)]))()).toMatchObject({
        left: { type: 'LogStopped', reason: expect.stringMatching(sentence) },
      })
      expect(await log.head(STREAM)()).toMatchObject({ left: { type: 'LogCorrupt' } })
      await run(log.append('partition-mail~1.0', NO_REVISION, batchOf([enqueued(1)])))
      setRules(emulator, {})
      await said(/may be led again/)
      await run(log.append(STREAM, 4, batchOf([enqueued(5)])))
    },
  )

  it('R43: other metadata are left as they are, also when the ledger truncates', async () => {
    const emulator = await start()
    const log = await logOn(emulator)
    await written(log, 5)
    setRules(emulator, { $acl: { $r: 'ops' }, note: 'ours' })
    await run(log.truncateBefore(STREAM, 3))
    const [last] = (emulator.store.readStream(`$$${NAMED}`) as ReadonlyArray<{ data: Uint8Array }>).slice(-1)
    expect(JSON.parse(Buffer.from(last?.data ?? []).toString())).toMatchObject({
      $acl: { $r: 'ops' },
      note: 'ours',
      $tb: 3,
    })
  })

  it.each(['soft', 'hard'] as const)(
    'R43: a stream that was deleted (%s) is no empty stream',
    async (how) => {
      const emulator = await start()
      const log = await logOn(emulator)
      await written(log, 3)
      emulator.store.delete(NAMED, how === 'hard')
      const next = await logOn(emulator)
      for (const one of [log, next]) {
        const answer = await one.read(STREAM, 0, 1_000)()
        expect(answer).toMatchObject({ left: { reason: expect.stringMatching(/deleted/) } })
      }
      // The server would take more events for one that was deleted softly, and go on with the next number.
      expect(await log.append(STREAM, 2, batchOf([enqueued(9)]))()).toMatchObject({
        left: { type: how === 'hard' ? 'LogUnavailable' : 'LogStopped' },
      })
    },
  )

  it('R43: a server that ends below what it has acknowledged is not believed', async () => {
    const emulator = await start()
    const log = await logOn(emulator)
    await written(log, 5)
    emulator.store.loseLast(NAMED, 2)
    const fault = {
      left: { type: 'LogCorrupt', revision: 2, reason: expect.stringMatching(/revision 4 was durable/) },
    }
    expect(await log.head(STREAM)()).toMatchObject(fault)
    expect(await log.read(STREAM, 3, 1_000)()).toMatchObject(fault)
  })

  it('R43: a revision that is missing between others stops the read at it, and no later one is shown', async () => {
    const emulator = await start()
    const log = await logOn(emulator)
    await written(log, 5)
    emulator.faults.add({ on: 'read', do: 'skip', stream: NAMED })
    expect(await log.read(STREAM, 0, 1_000_000)()).toMatchObject({
      left: { type: 'LogCorrupt', stream: STREAM, reason: expect.stringMatching(/revision 1 is missing/) },
    })
    emulator.faults.clear()
    expect((await run(log.read(STREAM, 0, 1_000_000))).batches).toHaveLength(5)
  })

  it('R43: an event that no ledger wrote stops the stream at its revision', async () => {
    const emulator = await start()
    const log = await logOn(emulator)
    await written(log, 2)
    const id = '11111111-1111-4111-8111-111111111111'
    const empty = Buffer.alloc(0)
    emulator.store.append(NAMED, 'any', [
      { id, type: 'Note', contentType: 'application/json', data: Buffer.from('{}'), metadata: empty },
    ])
    expect(await log.read(STREAM, 0, 1_000)()).toMatchObject({
      left: { type: 'LogCorrupt', stream: STREAM, revision: 2, reason: expect.stringContaining('Note') },
    })
  })
})

describe('R43: a server that a ledger cannot live on', () => {
  it.each([
    ['an old version', { version: '21.10.9' }, {}, /21\.10\.9 is too old: needed is 22\.10/],
    ['too small appends', { maxAppendBytes: 100_000 }, {}, /less than 1000000 bytes.*MaxAppendSize/],
    ['a prefix that is none', {}, { prefix: 'a.b' }, /prefix is not accepted/],
    ['an address that is none', {}, { connectionString: 'esdb://' }, /connection string is not accepted/],
  ] satisfies ReadonlyArray<[string, EmulatorOptions, LogOptions, RegExp]>)(
    'R43: %s is refused at the start, with the reason',
    async (_, server, options, sentence) => {
      const opened = await opening(await start(server), options)
      expect(opened).toMatchObject({ left: { type: 'LogUnusable', reason: expect.stringMatching(sentence) } })
    },
  )

  it('R43: data of somebody else, or of a later format, under the prefix are left alone', async () => {
    const emulator = await start()
    const empty = Buffer.alloc(0)
    const put = (stream: string, type: string, data: string): void => {
      const id = '11111111-1111-4111-8111-111111111111'
      emulator.store.append(stream, 'no_stream', [
        { id, type, contentType: 'application/json', data: Buffer.from(data), metadata: empty },
      ])
    }
    put('theirs~ledger', 'InvoiceSent', '{}')
    put('later~ledger', 'LedgerCreated', '{"format":2}')
    const before = emulator.store.all.length
    expect(await opening(emulator, { prefix: 'theirs' })).toMatchObject({
      left: { type: 'LogUnusable', reason: expect.stringContaining('InvoiceSent') },
    })
    expect(await opening(emulator, { prefix: 'later' })).toMatchObject({
      left: { type: 'LogUnusable', reason: expect.stringContaining('format 2') },
    })
    expect(emulator.store.all).toHaveLength(before)
  })

  it('R43: checking the limit writes nothing, and the ledger is named once', async () => {
    const emulator = await start()
    await logOn(emulator)
    await logOn(emulator)
    expect(emulator.store.all.map(({ stream, type }) => `${stream} ${type}`)).toEqual([
      'ledgerq~ledger LedgerCreated',
    ])
  })
})

describe('R44: certificates, rights, a server that only reads', () => {
  const secured = async (): Promise<Readonly<{ emulator: Emulator; address: (user: string) => string }>> => {
    const credentials = { username: 'ops', password: 'secret' }
    const emulator = await start({ tls: { key: TEST_KEY, certificate: TEST_CERTIFICATE }, credentials })
    const directory = await mkdtemp(join(tmpdir(), 'ledgerq-tls-'))
    atEnd(() => rm(directory, { recursive: true }))
    const file = join(directory, 'ca.pem')
    await writeFile(file, TEST_CERTIFICATE)
    const address = (user: string): string =>
      `esdb://${user}localhost:${emulator.port}?tls=true&tlsCAFile=${encodeURIComponent(file)}`
    return { emulator, address }
  }

  it('R44: with TLS and the right credentials everything works, over the unary append', async () => {
    const { emulator, address } = await secured()
    const log = await logOn(emulator, { connectionString: address('ops:secret@') })
    await written(log, 3)
    expect(await run(log.head(STREAM))).toBe(2)
    expect(emulator.calls.get('batchAppend')).toBeUndefined()
  })

  it('R44: wrong or missing credentials are refused at the start, and the password is not told', async () => {
    const { emulator, address } = await secured()
    for (const user of ['ops:wr0ng@', '']) {
      const opened = await opening(emulator, { connectionString: address(user) })
      expect(opened).toMatchObject({
        left: { type: 'LogUnusable', reason: expect.stringMatching(/denies access/) },
      })
      expect(JSON.stringify(opened)).not.toContain('wr0ng')
    }
  })

  it('R44: a certificate that is not trusted is a server that cannot be reached', async () => {
    const { emulator } = await secured()
    const connectionString = `esdb://ops:secret@localhost:${emulator.port}?tls=true`
    expect(await opening(emulator, { connectionString })).toMatchObject({
      left: { type: 'LogUnavailable', reason: expect.stringMatching(/certificate/) },
    })
  })

  it.each(['accessDenied', 'readOnly'] as const)(
    'R44: %s is a definite failure of the append, and the log works again as soon as the server does',
    async (kind) => {
      const emulator = await start()
      const log = await logOn(emulator)
      await written(log, 1)
      emulator.faults.add({ on: 'append', do: kind })
      const refused = await log.append(STREAM, 0, batchOf([enqueued(1)]))()
      expect(refused).toMatchObject({ left: { type: 'LogUnavailable' } })
      emulator.faults.clear()
      await written(log, 1)
      expect(await run(log.head(STREAM))).toBe(1)
    },
  )

  it('R44: a node that is not the leader names it, and the repeat goes there', async () => {
    const leader = await start()
    const follower = await start()
    const log = await logOn(follower)
    // Both stand for one cluster: what the log made on opening is there on either.
    await (await logOn(leader)).close()
    follower.faults.add({ on: 'append', do: 'notLeader', leader: { host: '127.0.0.1', port: leader.port } })
    const batch = batchOf([enqueued(1)])
    expect(await log.append(STREAM, NO_REVISION, batch)()).toMatchObject({ left: { type: 'OutcomeUnknown' } })
    expect(await log.append(STREAM, NO_REVISION, batch)()).toMatchObject({ right: { firstRevision: 0 } })
    expect(leader.store.readStream(NAMED)).toHaveLength(1)
  })

  it('R44: the leader is found by discovery among several nodes', async () => {
    const leader = await start()
    const members = (): ReadonlyArray<{ host: string; port: number; state: 'leader' }> => [
      { host: '127.0.0.1', port: leader.port, state: 'leader' },
    ]
    const [one, two] = [await start({ members }), await start({ members })]
    const connectionString = `esdb://127.0.0.1:${one.port},127.0.0.1:${two.port}?tls=false`
    await written(await logOn(one, { connectionString }), 2)
    expect(leader.store.readStream(NAMED)).toHaveLength(2)
    expect(one.store.readStream(NAMED)).toBeUndefined()
  })
})

describe('R40: subscriptions that drop, stall, repeat and leave out', () => {
  const followed = async (
    rule: Partial<FaultRule> & Pick<FaultRule, 'do'>,
  ): Promise<Readonly<{ positions: number[]; troubles: string[]; heads: number[] }>> => {
    const emulator = await start()
    const writer = await logOn(emulator)
    const troubles: string[] = []
    const positions: number[] = []
    // Only what stalls is to be found by time: a busy machine is silent for longer than this, too.
    const stallMs = rule.do === 'stall' ? 100 : 600_000
    const reader = await logOn(emulator, { stallMs, onTrouble: (message) => troubles.push(message) })
    // Both watch the metadata of streams: that is left alone here.
    await until(() => (emulator.calls.get('subscribe') ?? 0) >= 2)
    emulator.faults.add({ on: 'subscribe', times: 1, events: 3, ...rule })
    let wake = (): void => undefined
    reader.onAppended((next) => {
      positions.push(next)
      wake()
    })
    await written(writer, 12)
    const end = writer.condition().nextPosition
    while ((positions.at(-1) ?? 0) < end)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    expect(emulator.faults.met.get(rule.do)).toBe(1)
    const { batches } = await run(reader.readAll(0, 1_000_000))
    return { positions, troubles, heads: batches.map(({ positions: all }) => all?.at(-1) ?? 0) }
  }

  it.each([
    ['drop', /opened anew: /],
    ['stall', /shows nothing, though the log is ahead/],
    ['skip', /was left out/],
  ] as const)(
    'R40: after a %s the reader goes on from its own place, and says so',
    async (kind, sentence) => {
      const { positions, troubles, heads } = await followed({ do: kind })
      expect(positions).toEqual(heads)
      expect(troubles.join('\n')).toMatch(sentence)
    },
  )

  it('R40: what comes twice is told once', async () => {
    const { positions, heads, troubles } = await followed({ do: 'duplicate' })
    expect(positions).toEqual(heads)
    expect(troubles).toEqual([])
  })
})
