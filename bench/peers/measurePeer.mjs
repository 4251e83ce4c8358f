// Runs in a process of its own, one peer and one run: opens the driver, warms it up, takes every
// scenario and sends the figures to the parent, so that no peer inherits another's heap or sockets.
import { measureBulk, measureEnqueue, measureLatency, measureProcess, warmUp } from './scenarios.mjs'

const round = (value, digits) => Number(value.toFixed(digits))

async function withDriver(open, place, use) {
  const driver = await open(place)
  try {
    await warmUp(driver, place.warmUpJobs, place.callers)
    return await use(driver)
  } finally {
    await driver.close()
  }
}

async function measure({ module, place, plan }) {
  const { open } = await import(module)
  const at = (mode) => ({ ...place, mode, ...plan })
  const throughput = await withDriver(open, at('throughput'), async (driver) => ({
    enqueue: await measureEnqueue(driver, plan),
    bulk: await measureBulk(driver, plan),
    process: await measureProcess(driver, plan),
  }))
  const latency = await withDriver(open, at('latency'), (driver) => measureLatency(driver, plan))
  const { enqueue, bulk, process: processed } = throughput
  return {
    enqueue_per_s: Math.round(enqueue.perSecond),
    enqueue_bulk_per_s: Math.round(bulk.perSecond),
    process_per_s: Math.round(processed.perSecond),
    e2e_p50_ms: round(latency.p50Ms, 2),
    e2e_p99_ms: round(latency.p99Ms, 2),
    rss_mb: round(process.memoryUsage().rss / 1024 ** 2, 0),
    delivered_exactly: enqueue.exact && bulk.exact && processed.exact && latency.exact,
  }
}

process.once('message', async (task) => {
  try {
    process.send({ figures: await measure(task), node: process.version }, () => process.exit(0))
  } catch (error) {
    process.send({ error: error.stack ?? String(error) }, () => process.exit(1))
  }
})
