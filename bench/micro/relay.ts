// The relay between an embedded log and a real broker: events told each second, processor time for each, and an outage of stated minutes
// times a rate, with the memory it takes and the time to catch up. Run: node dist/bench/micro/relay.js [minutes] [messages a second]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { openLedger } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'

const EVENTS = Number(process.env.EVENTS ?? 200_000)
const BATCH = 500
const LOOK_EVERY_MS = 20
const MEBIBYTE = 1_048_576
const payload = { text: 'x'.repeat(107) }

const minutes = Number(process.argv[2] ?? 2)
const ratePerSecond = Number(process.argv[3] ?? 1_000)

const enqueue = async (ledger: Ledger, count: number, partitions: number): Promise<void> => {
  const queue = await ledger.queue('bench', { maxSize: 100_000_000, partitions })
  for (let sent = 0; sent < count; sent += BATCH)
    await queue.enqueueBatch(Array.from({ length: Math.min(BATCH, count - sent) }, () => ({ payload })))
}

const relayOf = async (ledger: Ledger) => {
  const { relay } = await ledger.stats()
  const shards = relay?.shards ?? []
  return {
    told: shards.reduce((sum, { told }) => sum + told, 0),
    isDone: shards.length > 0 && shards.every(({ lag }) => lag === 0),
  }
}
const until = async (is: () => Promise<boolean>): Promise<void> => {
  while (!(await is())) await pause(LOOK_EVERY_MS)
}
const told = (ledger: Ledger): Promise<void> => until(async () => (await relayOf(ledger)).isDone)

const open = (path: string, brokers: string, topic: string): Promise<Ledger> =>
  openLedger({ log: { kind: 'embedded', path }, logging: false, kafka: { brokers: [brokers], topic } })

const say = (name: string, value: string): void => console.log(`${name.padEnd(56)} ${value}`)

/** A log that is full before the relay begins. */
const throughput = async (root: string, brokers: string): Promise<void> => {
  const path = join(root, 'full')
  const full = await openLedger({ log: { kind: 'embedded', path }, logging: false })
  await enqueue(full, EVENTS, 8)
  await full.close()
  const ledger = await open(path, brokers, `bench-${process.pid}`)
  await until(async () => (await relayOf(ledger)).told > 0)
  const [began, before, cpu] = [performance.now(), await relayOf(ledger), process.cpuUsage()]
  await told(ledger)
  const seconds = (performance.now() - began) / 1_000
  const events = (await relayOf(ledger)).told - before.told
  const { user, system } = process.cpuUsage(cpu)
  say('told, the log full before', `${Math.round(events / seconds)} events/s`)
  say('processor time of this process', `${((user + system) / events).toFixed(1)} us/event`)
  await ledger.close()
}

/** As many messages as come in the stated minutes, while no broker is there; then it comes back. */
const outage = async (root: string, broker: KafkaBroker): Promise<void> => {
  const ledger = await open(join(root, 'outage'), broker.brokers, `outage-${process.pid}`)
  await enqueue(ledger, BATCH, 8)
  await told(ledger)
  const counted = (await relayOf(ledger)).told
  await broker.kill()
  const count = minutes * 60 * ratePerSecond
  const rss = process.memoryUsage.rss()
  const began = performance.now()
  await enqueue(ledger, count, 8)
  const intake = count / ((performance.now() - began) / 1_000)
  say(
    `${minutes} min at ${ratePerSecond}/s without a broker: taken`,
    `${count} messages at ${Math.round(intake)}/s`,
  )
  await broker.start()
  const back = performance.now()
  await told(ledger)
  const seconds = (performance.now() - back) / 1_000
  const events = (await relayOf(ledger)).told - counted
  const rate = events / seconds
  say('caught up, tries and first connections included', `${events} events in ${seconds.toFixed(1)} s`)
  say('that is, times the intake', `${(rate / ratePerSecond).toFixed(1)} x`)
  say(
    'memory more than at the beginning of the outage',
    `${((process.memoryUsage.rss() - rss) / MEBIBYTE).toFixed(0)} MiB`,
  )
  await ledger.close()
}

/** A program of the tests, started as such: benches import nothing of theirs. */
const BROKER = new URL('../../test/support/kafka/broker.js', import.meta.url)
type KafkaBroker = Readonly<{
  brokers: string
  kill: () => Promise<void>
  start: () => Promise<unknown>
  stop: () => Promise<void>
}>
type Brokers = Readonly<{
  startBroker: () => Promise<KafkaBroker>
  anyBroker: () => Promise<Pick<KafkaBroker, 'brokers' | 'stop'>>
}>
const { startBroker, anyBroker }: Brokers = await import(BROKER.href)

const root = mkdtempSync(join(tmpdir(), 'ledgerq-relay-'))
const shared = await anyBroker()
await throughput(root, shared.brokers).finally(() => shared.stop())
const own = await startBroker()
await outage(root, own).finally(() => own.stop())
rmSync(root, { recursive: true, force: true })
