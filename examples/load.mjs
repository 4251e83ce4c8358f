// Load: more than the queue will take. Above 80 % the unimportant are turned away, at 100 % everybody is; what was accepted is
// worked off at full speed, and nothing of it is lost.
//
//   node examples/load.mjs [messages]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLedger } from 'ledgerq'

const MESSAGES = Number(process.argv[2] ?? 20_000)
const BATCH = 500
const folder = mkdtempSync(join(tmpdir(), 'load-'))
const ledger = await openLedger({ log: { kind: 'embedded', path: folder }, logging: false })
const jobs = await ledger.queue('jobs', {
  maxSize: Math.ceil(MESSAGES * 0.9),
  shedAbovePercent: 80,
  shedBelowPriority: 0,
})

const answers = {}
const started = performance.now()
for (let n = 0; n < MESSAGES; n += BATCH) {
  const priority = (n / BATCH) % 2 === 0 ? 'low' : 'high'
  const items = Array.from({ length: Math.min(BATCH, MESSAGES - n) }, (_, i) => ({
    payload: { job: n + i },
    priority,
  }))
  for (const result of await jobs.enqueueBatch(items)) {
    const answer = `${priority} ${'error' in result ? result.error.code : 'accepted'}`
    answers[answer] = (answers[answer] ?? 0) + 1
  }
}
const enqueueMs = performance.now() - started
console.log('answers', JSON.stringify(answers))
console.log('health', (await ledger.health()).reasons.map(({ message }) => message).join('; '))

let done = 0
const worker = jobs.process(() => void done++, { concurrency: 100 })
while ((await jobs.stats()).succeeded < done || done < (await jobs.stats()).enqueued)
  await new Promise((wake) => setTimeout(wake, 20))
const { processingTime, counts, throughputPerSecond } = await jobs.metrics()
await worker.stop()
console.log(
  `enqueued ${counts.enqueued} in ${Math.round(enqueueMs)} ms, durable; worked off ${counts.succeeded}, each handled once: ${done === counts.enqueued}`,
)
console.log(
  `p50 ${processingTime.p50Ms} ms, p99 ${processingTime.p99Ms.toFixed(1)} ms, ${Math.round(throughputPerSecond)} a second over the last minute`,
)
await ledger.close()
rmSync(folder, { recursive: true, force: true })
