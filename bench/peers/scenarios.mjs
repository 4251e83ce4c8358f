// The scenarios, the same for every peer. A job counts when its durable answer is there: an enqueue
// when the caller's own promise resolves, a processed job when its acknowledgement is committed.
// Delivery is checked job by job: the store is read back after each enqueue scenario and every
// handler call is counted, so a lost, repeated or invented job makes `delivered_exactly` false.

const PAYLOAD_BYTES = 120
const FILLER = 'x'.repeat(PAYLOAD_BYTES)
const NANOS_PER_MS = 1e6

/** A payload whose JSON is exactly 120 bytes and that carries its sequence number. */
export function payloadOf(seq) {
  const frame = `{"seq":${seq},"text":""}`.length
  return { seq, text: FILLER.slice(0, PAYLOAD_BYTES - frame) }
}

const secondsSince = (start) => Number(process.hrtime.bigint() - start) / 1e9

function eachOnce(sequences, count) {
  const seen = new Uint8Array(count)
  for (const seq of sequences) {
    if (!(seq >= 0 && seq < count) || seen[seq] === 1) return false
    seen[seq] = 1
  }
  return sequences.length === count
}

async function enqueueWithCallers(driver, count, callers) {
  let next = 0
  const caller = async () => {
    while (next < count) await driver.enqueue(payloadOf(next++))
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

async function enqueueInBatches(driver, count, batch) {
  for (let from = 0; from < count; from += batch) {
    const size = Math.min(batch, count - from)
    await driver.enqueueMany(Array.from({ length: size }, (_, i) => payloadOf(from + i)))
  }
}

/** Drains a backlog of `count` jobs; the clock runs from the worker's start to the last committed ack. */
async function drain(driver, count) {
  const calls = new Uint8Array(count)
  let handled = 0
  let strangers = 0
  let allHandled
  const everyJobHandled = new Promise((resolve) => {
    allHandled = resolve
  })
  const worker = await driver.openWorker((seq) => {
    if (!(seq >= 0 && seq < count)) strangers++
    else calls[seq]++
    if (++handled >= count) allHandled()
  })
  const start = process.hrtime.bigint()
  worker.start()
  await worker.settled(count, everyJobHandled)
  const seconds = secondsSince(start)
  await worker.stop()
  const exact = strangers === 0 && calls.every((times) => times === 1)
  return { seconds, exact: exact && (await driver.unfinished()) === 0 }
}

export async function warmUp(driver, count, callers) {
  await driver.clear()
  await enqueueWithCallers(driver, count, callers)
  await drain(driver, count)
  await driver.clear()
}

export async function measureEnqueue(driver, { n, callers }) {
  await driver.clear()
  await driver.prepare()
  const start = process.hrtime.bigint()
  await enqueueWithCallers(driver, n, callers)
  const perSecond = n / secondsSince(start)
  return { perSecond, exact: eachOnce(await driver.storedSequences(), n) }
}

export async function measureBulk(driver, { nBulk, batch }) {
  await driver.clear()
  await driver.prepare()
  const start = process.hrtime.bigint()
  await enqueueInBatches(driver, nBulk, batch)
  const perSecond = nBulk / secondsSince(start)
  return { perSecond, exact: eachOnce(await driver.storedSequences(), nBulk) }
}

export async function measureProcess(driver, { n, batch }) {
  await driver.clear()
  await enqueueInBatches(driver, n, batch)
  await driver.prepare()
  const { seconds, exact } = await drain(driver, n)
  return { perSecond: n / seconds, exact }
}

/**
 * Offers jobs on a fixed timetable, whether or not earlier ones have started, and measures from the
 * call of enqueue to the call of the handler, in one process and on one clock. The first second is
 * not counted.
 */
export async function measureLatency(driver, { ratePerSecond, latencySeconds }) {
  const unmeasured = ratePerSecond
  const count = unmeasured + ratePerSecond * latencySeconds
  const sentAt = new BigInt64Array(count)
  const tookMs = new Float64Array(count)
  const calls = new Uint8Array(count)
  await driver.clear()
  await driver.prepare()
  let allHandled
  let handled = 0
  const everyJobHandled = new Promise((resolve) => {
    allHandled = resolve
  })
  const worker = await driver.openWorker((seq) => {
    tookMs[seq] = Number(process.hrtime.bigint() - sentAt[seq]) / NANOS_PER_MS
    calls[seq]++
    if (++handled >= count) allHandled()
  })
  worker.start()
  const settled = worker.settled(count, everyJobHandled)
  await offer(driver, count, ratePerSecond, sentAt)
  await settled
  await worker.stop()
  const measured = tookMs.slice(unmeasured).sort()
  const at = (share) => measured[Math.ceil(share * measured.length) - 1]
  const exact = calls.every((times) => times === 1) && (await driver.unfinished()) === 0
  return { p50Ms: at(0.5), p99Ms: at(0.99), exact }
}

function offer(driver, count, ratePerSecond, sentAt) {
  const begin = performance.now()
  const pending = []
  let next = 0
  return new Promise((resolve, reject) => {
    const tick = () => {
      const due = Math.min(count, Math.floor(((performance.now() - begin) / 1000) * ratePerSecond))
      while (next < due) {
        sentAt[next] = process.hrtime.bigint()
        pending.push(driver.enqueue(payloadOf(next++)))
      }
      if (next < count) setTimeout(tick, 1)
      else Promise.all(pending).then(resolve, reject)
    }
    tick()
  })
}
