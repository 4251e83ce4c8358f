// The story of a ledger that does all it can: each chapter is a feature, and together they hold every event that the product
// writes. A golden log is written once and kept for ever, so chapters are added as new stories, never changed.
import { fixed } from '../../../domain/retry/index.js'
import type { Queue } from '../../../src/api/types/index.js'
import { claimed, GoldenHouse, oneClaimed, operator, settle } from './goldenHouse.js'

type Chapter = (house: GoldenHouse) => Promise<void>
const RETRY_SOON = fixed({ delayMs: 1_000, retriesMax: 2 })
const FAILED = { outcome: 'fail', failure: { type: 'NETWORK', message: 'no route to host' } } as const

const open = (house: GoldenHouse, name: string): Promise<Queue<unknown>> => house.ledger.openQueue(name)

const messagesOfEachKind: Chapter = async (house) => {
  const orders = await house.ledger.createQueue<unknown>(
    'orders',
    { maxSize: 200, dedupWindowMs: 60_000, failures: { NETWORK: RETRY_SOON }, groupHead: 'skip' },
    operator,
  )
  await orders.enqueue({ orderId: 1 })
  await orders.enqueue({ orderId: 2, text: 'zwölf Boxkämpfer – 7 €' }, { id: 'order-2', priority: 'high' })
  await orders.enqueue({ orderId: 3 }, { dedupKey: 'order-3', idempotencyKey: 'call-3', type: 'order' })
  await orders.enqueue({ orderId: 3 }, { dedupKey: 'order-3' })
  await orders.enqueue({ orderId: '3b' }, { dedupKey: 'order-3', dedupMode: 'replace', priority: 3 })
  await orders.enqueue({ orderId: '3c' }, { dedupKey: 'order-3', dedupMode: 'debounce', delayMs: 4_000 })
  for (const member of [1, 2, 3])
    await orders.enqueue({ member }, { group: 'customer-7', topic: 'eu/orders' })
  await orders.enqueue({ tenant: 'a' }, { tenant: 'a', headers: { trace: 't-1' }, correlationId: 'cart-9' })
  await orders.enqueue(
    { tenant: 'b' },
    { tenant: 'b', zone: 'z1', fallbackZones: ['z2'], causationId: 'web' },
  )
  await orders.enqueue({ late: true }, { delayMs: 86_400_000, ttlMs: 172_800_000, priority: -7 })
  await orders.enqueue({ at: 'an instant' }, { notBefore: house.clock.now().getTime() + 60_000 })
  await orders.enqueue({ own: 'rules' }, { retry: RETRY_SOON, timeoutMs: 5_000, leaseMs: 9_000 })
  await orders.enqueue({ once: true }, { retryable: false, batchable: false, cancelable: false })
  await orders.enqueue({ once: 'only' }, { guarantee: 'fireAndForget' })
  await orders.enqueue(
    { tells: true },
    { onSuccess: { queue: 'mail', type: 'done' }, onFailure: { queue: 'alarms' } },
  )
  await orders.enqueueBatch([{ payload: { batch: 1 } }, { payload: { batch: 2 }, group: 'g2' }])
  await orders.enqueue({ text: 'large '.repeat(100) }, { id: 'large' })
}

const outcomesOfEachKind: Chapter = async (house) => {
  const orders = await open(house, 'orders')
  const [first, second] = await claimed(orders, 2, 'claim-1')
  if (first === undefined || second === undefined) throw new Error('two messages were expected')
  await claimed(orders, 2, 'claim-1')
  await settle(orders, first, { outcome: 'ack', result: { shipped: true } })
  await settle(orders, second, {
    outcome: 'ack',
    reconciled: true,
    followUps: [{ queue: 'mail', payload: { to: 'ada' }, type: 'letter', delayMs: 5, headers: { h: '1' } }],
  })
  await house.pass(20)
  await settle(orders, await oneClaimed(orders), FAILED)
  const extended = await oneClaimed(orders)
  await settle(orders, extended, { outcome: 'extend', leaseMs: 40_000 })
  await settle(orders, extended, { outcome: 'release', delayMs: 2_000 })
  await settle(orders, await oneClaimed(orders), { outcome: 'release' })
  await settle(orders, await oneClaimed(orders), {
    outcome: 'fail',
    retryable: false,
    failure: { message: 'no' },
  })
  await oneClaimed(orders)
  await house.pass(31_000)
  const some = await claimed(orders, 8)
  for (const [n, message] of some.entries()) {
    const ownDelay = n % 2 === 0 ? {} : { delayMs: 700 }
    await settle(orders, message, n === 0 ? { outcome: 'ack' } : { ...FAILED, ...ownDelay })
  }
  await house.pass(3_000)
  for (const message of await claimed(orders, 20)) await settle(orders, message, FAILED)
}

const operatorsAtWork: Chapter = async (house) => {
  const orders = await open(house, 'orders')
  const { id: edited } = await orders.enqueue({ v: 1 }, { group: 'customer-7', ttlMs: 600_000 })
  await orders.edit(
    edited,
    { payload: { v: 2 }, priority: 'low', delayMs: 10_000, headers: { h: '2' } },
    operator,
  )
  const { id: dropped } = await orders.enqueue({ cancelled: 'while it waits' })
  await orders.cancel(dropped, operator)
  const { id: stopped } = await orders.enqueue({ cancelled: 'while it runs' }, { priority: 1_000 })
  const running = await oneClaimed(orders)
  await orders.cancel(stopped, operator)
  await settle(orders, running, FAILED)
  const { messages } = await orders.deadLetters()
  const [redriven, discarded] = messages
  if (redriven === undefined || discarded === undefined) throw new Error('dead letters were expected')
  await orders.redrive({ ids: [redriven.id], by: operator })
  await orders.discard(discarded.id, operator)
  await orders.enqueue({ cleared: true }, { type: 'chaff' })
  await orders.clear({ type: 'chaff', by: operator })
  await orders.rerun({ operation: 'again-1', limit: 2 })
  await orders.configure({ maxSize: 150, messageTimeoutMs: 400_000 }, operator)
  await orders.pause(operator)
  await orders.enqueue({ while: 'it is paused' })
  await orders.resume(operator)
}

const gatesGroupsAndCircuits: Chapter = async (house) => {
  const calls = await house.ledger.createQueue<unknown>('calls', {
    circuit: { failureThreshold: 1, openMs: 1_000, windowMs: 5_000, probesMax: 1, successThreshold: 1 },
    failures: { DATABASE: RETRY_SOON, RESOURCE: RETRY_SOON },
    waitFor: { RESOURCE: 'disk' },
    gateWaitMaxMs: 30_000,
    order: 'adaptive',
  })
  await calls.gate('disk').close(operator)
  await calls.enqueue({ waits: 'for the disk' }, { gate: 'disk' })
  await calls.pauseGroup('g', operator)
  await calls.enqueue({ waits: 'for its group' }, { group: 'g' })
  await calls.enqueue({ zone: 1 }, { zone: 'z1' })
  await settle(calls, await oneClaimed(calls), { outcome: 'fail', failure: { type: 'DATABASE' } })
  await calls.enqueue({ zone: 2 }, { zone: 'z2', fallbackZones: ['z1'] })
  await settle(calls, await oneClaimed(calls), { outcome: 'fail', failure: { type: 'RESOURCE' } })
  await house.pass(1_000)
  await settle(calls, await oneClaimed(calls), { outcome: 'ack' })
  await calls.forceCircuit('z3', 'open', operator)
  await calls.forceCircuit('z2', 'closed', operator)
  await calls.forceCircuit('z2', 'auto', operator)
  await calls.resumeGroup('g', operator)
  await house.pass(31_000)
  await calls.gate('disk').open(operator)
}

const roomAndLimits: Chapter = async (house) => {
  const small = await house.ledger.createQueue<unknown>('small', {
    maxSize: 3,
    overflow: 'dropLowestPriority',
    deadLetters: false,
    order: 'weighted',
    limits: { concurrencyMax: 2, rate: { count: 3, perMs: 10_000 }, perTenant: { concurrencyMax: 1 } },
    dedup: 'content',
  })
  for (const n of [1, 2, 3, 4]) await small.enqueue({ n }, { priority: n, tenant: n % 2 === 0 ? 'a' : 'b' })
  await small.enqueue({ n: 4 })
  await settle(small, await oneClaimed(small), { outcome: 'fail', retryable: false })
  await small.enqueue({ n: 5 }, { ttlMs: 500 })
  await house.pass(1_000)
  const many = await house.ledger.createQueue<unknown>('many', { partitions: 4, order: 'fifo' })
  for (let n = 0; n < 12; n++) await many.enqueue({ n }, n % 2 === 0 ? { group: `g${n}` } : {})
  for (const message of await claimed(many, 3)) await settle(many, message, { outcome: 'ack' })
}

const recurringAndDeleted: Chapter = async (house) => {
  const ticks = await house.ledger.createQueue<unknown>('ticks', { order: 'lifo' })
  const minutely = { name: 'minutely', everyMs: 60_000, payload: { tick: true } } as const
  await ticks.schedule({ ...minutely, missed: { kind: 'all', atMost: 3 } }, operator)
  await ticks.schedule({ name: 'daily', cron: '0 6 * * *', timeZone: 'Europe/Berlin', payload: null })
  await house.pass(121_000)
  await ticks.pauseSchedule('minutely', operator)
  await ticks.unschedule('daily', operator)
  await house.ledger.createQueue('gone')
  await (await open(house, 'gone')).enqueue('left behind')
  await house.ledger.deleteQueue('gone', { evenIfNotEmpty: true, by: operator })
  await house.ledger.createQueue('gone', { maxSize: 5 })
  await (await open(house, 'gone')).enqueue('of the next generation')
}

export const storyOfEverything = async (directory: string): Promise<void> => {
  const house = await GoldenHouse.open(directory)
  await messagesOfEachKind(house)
  await outcomesOfEachKind(house)
  await house.restart('second')
  await operatorsAtWork(house)
  await gatesGroupsAndCircuits(house)
  await roomAndLimits(house)
  await recurringAndDeleted(house)
  await house.until(async () => (await house.ledger.stats()).followUps?.waiting === 0)
  await house.restart('third')
  await (await open(house, 'orders')).enqueue({ after: 'the last snapshot but one' })
  await house.ledger.close()
}
