// The table for people: each target with its figure and whether it is met, then every other figure by scenario.
import type { MachineFacts } from './measure/machine.js'
import type { Figures } from './scenarios/scenario.js'

type Target = Readonly<{
  figure: string
  what: string
  bound: number
  isFloor: boolean
  unit: string
  /** Only a figure taken with so many messages waiting can meet it. */
  backlog?: number
}>

const floor = (figure: string, what: string, bound: number): Target => ({
  figure,
  what,
  bound,
  isFloor: true,
  unit: '/s',
})
const roof = (figure: string, what: string, bound: number, unit: string, backlog?: number): Target => {
  const target = { figure, what, bound, isFloor: false, unit }
  return backlog === undefined ? target : { ...target, backlog }
}

const MILLION = 1_000_000

/** Of the design, for an embedded durable log on a machine with two cores. */
const TARGETS: ReadonlyArray<Target> = [
  floor('enqueue_per_s', 'enqueue, 100 callers', 78_000),
  floor('enqueue_bulk_per_s', 'enqueue in batches of 500', 300_000),
  floor('process_per_s', 'claim + run + ack, concurrency 100', 140_000),
  roof('e2e_p50_ms', 'enqueue to start at 200/s, p50', 1, 'ms'),
  roof('e2e_p99_ms', 'enqueue to start at 200/s, p99', 2, 'ms'),
  roof('e2e_settling_p50_ms', '... in the first 12 s, p50', 1, 'ms'),
  roof('e2e_settling_p99_ms', '... in the first 12 s, p99', 2, 'ms'),
  roof('backlog_1m_cost_ratio', 'cost with 1M waiting instead of 0', 1.2, 'x', MILLION),
  roof('bytes_per_waiting_message', 'memory per waiting message', 250, 'B', MILLION),
  roof('restart_1m_ms', 'restart with 1M waiting, snapshot', 3_000, 'ms', MILLION),
  roof('full_replay_1m_ms', 'restart with 1M waiting, full replay', 8_000, 'ms', MILLION),
  floor('replay_events_per_s', 'replay of the backlog', 500_000),
  floor('replay_mixed_events_per_s', 'replay, three events per job', 500_000),
  roof('loop_delay_p99_ms', 'event-loop delay at full load, p99', 20, 'ms'),
  roof('loop_delay_max_ms', 'event-loop delay at full load, max', 100, 'ms'),
]

type Verdict = 'met' | 'missed' | 'not judged'

const verdictOf = ({ bound, isFloor, backlog }: Target, figure: number, waiting: number): Verdict => {
  if (backlog !== undefined && waiting < backlog) return 'not judged'
  return (isFloor ? figure >= bound : figure <= bound) ? 'met' : 'missed'
}

/** Met or not, by figure; only those that were measured. */
export const verdicts = (figures: Figures, waiting: number): Record<string, Verdict> =>
  Object.fromEntries(
    TARGETS.flatMap((target) => {
      const figure = figures[target.figure]
      return figure === undefined ? [] : [[target.figure, verdictOf(target, figure, waiting)]]
    }),
  )

/** Per figure over rounds; of an even number the lower of the two in the middle, so that it is one that was measured. */
export const medians = (rounds: ReadonlyArray<Figures>): Figures => {
  const names = Object.keys(rounds[0] ?? {})
  return Object.fromEntries(
    names.map((name) => {
      const values = rounds.map((round) => round[name] ?? 0).sort((a, b) => a - b)
      return [name, values[Math.ceil(values.length / 2) - 1] ?? 0]
    }),
  )
}

const number = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 3 })

const columns = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (row: ReadonlyArray<string>): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
  return rows.map((row) => line(row).trimEnd()).join('\n')
}

export const targetTable = (figures: Figures, waiting: number): string => {
  const rows = [['target', 'wanted', 'measured', '']]
  for (const target of TARGETS) {
    const figure = figures[target.figure]
    if (figure === undefined) continue
    const wanted = `${target.isFloor ? '>=' : '<='} ${number(target.bound)} ${target.unit}`
    rows.push([target.what, wanted, `${number(figure)} ${target.unit}`, verdictOf(target, figure, waiting)])
  }
  return rows.length === 1 ? 'no figure with a target was measured' : columns(rows)
}

export const figureTable = (figures: Figures): string =>
  columns(Object.entries(figures).map(([name, value]) => [name, number(value)]))

export const machineLine = (facts: MachineFacts): string =>
  `${facts.cpu}, ${facts.cores} cores, ${facts.memory_gb} GB, ${facts.kernel}, Node ${facts.node}; ${facts.file_system}; ` +
  `4 KiB fdatasync p50 ${facts.fdatasync_4k_ms.p50} ms, p99 ${facts.fdatasync_4k_ms.p99} ms; load at start ${facts.load_1m_at_start}`
