// Prometheus' text format, version 0.0.4: base units, counters that end in `_total`, labels whose values are escaped. Which series there
// are is decided elsewhere; here is how one is spelt.
import type { Durations } from '../../../projections/measures/durations.js'

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export type Labels = Readonly<Record<string, string>>
export type Sample = readonly [labels: Labels, value: number]

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' }
const escaped = (value: string): string => value.replace(/[\\"\n]/g, (found) => ESCAPED[found] ?? found)

const labelled = (labels: Labels): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const MS_PER_S = 1_000

export class Exposition {
  private readonly lines: string[] = []

  add(name: string, type: 'counter' | 'gauge', help: string, samples: Iterable<Sample>): void {
    this.head(name, type, help)
    for (const [labels, value] of samples) this.lines.push(`${name}${labelled(labels)} ${value}`)
  }

  /** Of durations, in seconds. */
  addSeconds(
    name: string,
    help: string,
    samples: Iterable<readonly [labels: Labels, durations: Durations]>,
  ): void {
    this.head(name, 'histogram', help)
    for (const [labels, durations] of samples) {
      const { count, ms } = durations.total
      for (const step of durations.upTo())
        this.lines.push(
          `${name}_bucket${labelled({ ...labels, le: String(step.ms / MS_PER_S) })} ${step.count}`,
        )
      this.lines.push(`${name}_bucket${labelled({ ...labels, le: '+Inf' })} ${count}`)
      this.lines.push(`${name}_sum${labelled(labels)} ${ms / MS_PER_S}`)
      this.lines.push(`${name}_count${labelled(labels)} ${count}`)
    }
  }

  text(): string {
    return `${this.lines.join('\n')}\n`
  }

  private head(name: string, type: string, help: string): void {
    this.lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
  }
}
