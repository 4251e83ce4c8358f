// F4 against a real broker: whatever kills the readers of a topic, the archive ends as the topic does, and the counts as the log does.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { verifyArchive } from '../../src/consumers/audit/verifyArchive.js'
import { run, start } from '../cli/ledgerq.js'
import { anyBroker } from '../support/kafka/broker.js'
import { type MadeTopic, makeTopic, temporaryFolder } from './madeTopic.js'
import { type ToldTopic, tellTopic } from './toldTopic.js'

const LOOK_EVERY_MS = 25
/** A guard against what never ends: programs and brokers are started, on a machine that may be busy. */
const LIMIT_MS = 600_000
vi.setConfig({ testTimeout: LIMIT_MS, hookTimeout: LIMIT_MS })

let made: MadeTopic
let broker: Awaited<ReturnType<typeof anyBroker>>
const endings: Array<() => void | Promise<void>> = []
beforeAll(async () => {
  broker = await anyBroker()
  endings.push(() => broker.stop())
  made = await makeTopic({ messages: 60 })
})
afterAll(async () => {
  for (const end of endings.toReversed()) await end()
})

const told = async (topic: string): Promise<ToldTopic> => {
  const telling = await tellTopic(broker.brokers, topic, made)
  endings.push(telling.close)
  return telling
}
const folder = (): string => {
  const { path, remove } = temporaryFolder()
  endings.push(remove)
  return path
}
/** The limit is that of the test. */
const until = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await what())) await pause(LOOK_EVERY_MS)
}

const linesIn = (archive: string): ReadonlyArray<string> =>
  existsSync(archive)
    ? readdirSync(archive, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ndjson'))
        .flatMap((name) => readFileSync(join(archive, name), 'utf8').split('\n').slice(0, -1))
    : []
const bytesIn = (archive: string): number =>
  existsSync(archive)
    ? readdirSync(archive, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ndjson'))
        .reduce((sum, name) => sum + statSync(join(archive, name)).size, 0)
    : 0

describe('ledgerq audit against a real broker (F4, R47)', () => {
  it('killed at any moment and started again, it archives each event once, as the topic and the log have it', async () => {
    const topic = 'killed-audit'
    const telling = await told(topic)
    const archive = join(folder(), 'archive')
    const audit = () => start(['audit', '--brokers', broker.brokers, '--topic', topic, '--dir', archive])
    let all = 0
    for (const share of [0.2, 0.5, 0.8, 1]) {
      const reading = audit()
      const before = bytesIn(archive)
      // It is killed while it writes what is told in the meantime, at another point each time.
      const telled = telling.tellUpTo(share)
      await until(() => bytesIn(archive) > before)
      reading.process.kill('SIGKILL')
      await reading.ended
      all = await telled
    }
    const last = audit()
    await until(() => linesIn(archive).length >= all)
    last.process.kill('SIGTERM')
    expect((await last.ended).code).toBe(0)
    const verified = await verifyArchive(archive)
    expect(verified?.damages).toEqual([])
    expect(verified?.lines).toBe(made.partitions.flat().length)
    expect(new Map(verified?.streams.map(({ stream, head, digest }) => [stream, { head, digest }]))).toEqual(
      made.streams,
    )
    const told1 = made.partitions.flat().map(({ stream, revision, data }) => `${stream}/${revision} ${data}`)
    const kept = linesIn(archive).map((line) => {
      const { stream, revision, data } = JSON.parse(line) as {
        stream: string
        revision: number
        data: unknown
      }
      return `${stream}/${revision} ${JSON.stringify(data)}`
    })
    expect(kept.toSorted()).toEqual(told1.toSorted())
    const proved = await run(['audit', 'verify', '--dir', archive])
    expect(proved.code).toBe(0)
  })

  it('raises an alarm and ends when an event is missing, repeated or not ours, and goes on nowhere', async () => {
    const topic = 'gap'
    const telling = await told(topic)
    await telling.tellUpTo(0.5)
    const archive = join(folder(), 'archive')
    const partition = made.messages.findIndex((messages) => messages.length > 20)
    const messages = made.messages[partition] ?? []
    const skipped = messages[Math.round(messages.length * 0.5) + 1]
    if (skipped === undefined) throw new Error('too few events')
    const producer = telling.kafka.producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ ...skipped, partition }] })
    await producer.disconnect()
    for (let round = 0; round < 2; round++) {
      const ended = await run(['audit', '--brokers', broker.brokers, '--topic', topic, '--dir', archive])
      expect(ended.code).toBe(1)
      expect(ended.err).toMatch(
        /ALARM: partition \d+, offset \d+: .*revision \d+ follows where revision \d+ is due/,
      )
    }
    expect((await verifyArchive(archive))?.damages).toEqual([])
  })

  it('refuses a topic whose beginning is gone, unless it may begin anywhere; and a topic that is not there', async () => {
    const topic = 'cut'
    const telling = await told(topic)
    await telling.tellUpTo(1)
    const partition = made.messages.findIndex((messages) => messages.length > 20)
    // Tells the client of the topic's leaders, which the next call takes for known.
    await telling.admin.fetchTopicOffsets(topic)
    await telling.admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: '15' }] })
    const args = ['audit', '--brokers', broker.brokers, '--topic', topic, '--dir']
    const refused = await run([...args, join(folder(), 'archive')])
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringContaining('are gone before they were read'),
    ])
    const archive = join(folder(), 'archive')
    const begun = start([...args, archive, '--begin-anywhere'])
    await until(() =>
      linesIn(archive).some((line) =>
        line.includes(`"revision":${(made.messages[partition]?.length ?? 0) - 10}`),
      ),
    )
    begun.process.kill('SIGTERM')
    expect((await begun.ended).code).toBe(0)
    expect((await verifyArchive(archive))?.damages).toEqual([])
    const nowhere = await run([
      'audit',
      '--brokers',
      broker.brokers,
      '--topic',
      'none',
      '--dir',
      join(folder(), 'a'),
    ])
    expect([nowhere.code, nowhere.err]).toEqual([1, expect.stringContaining('There is no topic none')])
  })
})

describe('ledgerq metrics against a real broker (E7, F4)', () => {
  const metrics = (topic: string, state: string) =>
    start([
      'metrics',
      '--brokers',
      broker.brokers,
      '--topic',
      topic,
      '--port',
      '0',
      '--state',
      state,
      '--every',
      '1',
    ])
  const urlOf = async (reading: ReturnType<typeof start>): Promise<string> =>
    (await reading.says(/metrics\s+(http:\S+)/))[1] ?? ''
  const shown = async (url: string): Promise<Readonly<Record<string, number>>> => {
    const text = await (await fetch(url)).text()
    return Object.fromEntries(
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    )
  }
  const counted = (found: Readonly<Record<string, number>>): number =>
    Object.entries(found)
      .filter(([name]) => name.startsWith('ledgerq_events_total'))
      .reduce((sum, [, n]) => sum + n, 0)

  it('killed at any moment and started again, its counts end where the log does', async () => {
    const topic = 'killed-metrics'
    const telling = await told(topic)
    const state = folder()
    let before = 0
    for (const share of [0.2, 0.5, 0.8]) {
      const reading = metrics(topic, state)
      const url = await urlOf(reading)
      const telled = telling.tellUpTo(share)
      let seen = 0
      await until(async () => {
        seen = counted(await shown(url))
        return seen > before
      })
      before = seen
      reading.process.kill('SIGKILL')
      await reading.ended
      await telled
    }
    const all = await telling.tellUpTo(1)
    const last = metrics(topic, state)
    const url = await urlOf(last)
    let found: Readonly<Record<string, number>> = {}
    await until(async () => {
      found = await shown(url)
      return counted(found) >= all
    })
    expect(counted(found)).toBe(made.partitions.flat().length)
    for (const [queue, { enqueued, succeeded, deadLettered }] of Object.entries(made.counts)) {
      expect(found[`ledgerq_messages_enqueued_total{queue="${queue}"}`]).toBe(enqueued)
      expect(found[`ledgerq_attempts_succeeded_total{queue="${queue}"}`]).toBe(succeeded)
      expect(found[`ledgerq_messages_dead_lettered_total{queue="${queue}",reason="attemptsExhausted"}`]).toBe(
        deadLettered,
      )
      expect(found[`ledgerq_attempts_failed_total{queue="${queue}",failure_type="NETWORK"}`]).toBe(
        2 * deadLettered,
      )
      expect(found[`ledgerq_messages{queue="${queue}",state="dead"}`]).toBe(deadLettered)
      expect(found[`ledgerq_message_wait_seconds_count{queue="${queue}"}`]).toBe(enqueued)
    }
    expect([found.ledgerq_metrics_gaps_total, found.ledgerq_metrics_repeats_total]).toEqual([0, 0])
    expect((await fetch(url.replace('/metrics', '/readyz'))).status).toBe(200)
    last.process.kill('SIGTERM')
    expect((await last.ended).code).toBe(0)
  })
})
