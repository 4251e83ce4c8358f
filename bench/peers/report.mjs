// Medians and ranges over the runs of each peer, and the table made from them.

const FIGURES = ['enqueue_per_s', 'enqueue_bulk_per_s', 'process_per_s', 'e2e_p50_ms', 'e2e_p99_ms', 'rss_mb']

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle]
  return Number(((sorted[middle - 1] + sorted[middle]) / 2).toFixed(2))
}

export function summarise(names, results) {
  return names.map((name) => {
    const own = results.filter((result) => result.name === name)
    const runs = own.map((result) => result.figures)
    const summary = { name, versions: own[0].versions }
    for (const figure of FIGURES) {
      const values = runs.map((run) => run[figure])
      summary[figure] = median(values)
      summary[`${figure}_range`] = [Math.min(...values), Math.max(...values)]
    }
    summary.delivered_exactly = runs.every((run) => run.delivered_exactly)
    return { ...summary, settings: own[0].settings, runs }
  })
}

function cell(peer, figure) {
  const [low, high] = peer[`${figure}_range`]
  const show = (value) => value.toLocaleString('en-US')
  return low === high ? show(low) : `${show(peer[figure])} (${show(low)}–${show(high)})`
}

export function printTable({ measured_at, node, machine, plan, peers }) {
  const runs = peers[0].runs.length
  const lines = [
    `${measured_at}, ${node}, ${machine.cpu}, ${machine.cores} cores, ${machine.memory_gb} GB, ${machine.kernel}`,
    `${machine.file_system}; fdatasync of 4 KiB: p50 ${machine.fdatasync_4k_ms.p50} ms, p99 ${machine.fdatasync_4k_ms.p99} ms; ` +
      `load at the start ${machine.load_1m_at_start}`,
    `120 B payloads, ${plan.n} enqueued by ${plan.callers} callers, ${plan.nBulk} in batches of ${plan.batch}, ` +
      `${plan.n} processed at concurrency ${plan.concurrency}, ${plan.ratePerSecond}/s for ${plan.latencySeconds} s; ` +
      `${runs} run${runs === 1 ? '' : 's'}, median (range)`,
    '',
    `| peer | ${FIGURES.join(' | ')} | delivered_exactly |`,
    `|---|${FIGURES.map(() => '---:').join('|')}|---|`,
  ]
  for (const peer of peers) {
    const cells = FIGURES.map((figure) => cell(peer, figure))
    lines.push(`| ${peer.versions.join(', ')} | ${cells.join(' | ')} | ${peer.delivered_exactly} |`)
  }
  process.stdout.write(`${lines.join('\n')}\n`)
}
