// Text for people: tables with aligned columns, and facts one below the other.
import { printable } from './terminal.js'

export type Column<Row> = Readonly<{
  title: string
  cell: (row: Row) => string | number | boolean | undefined
  align?: 'right'
}>

const GAP = '  '
const NOTHING = '–'

const shown = (value: string | number | boolean | undefined): string => {
  if (value === undefined || value === '') return NOTHING
  return typeof value === 'number' ? grouped(value) : printable(String(value))
}

/** 1234567 → 1,234,567; the same in every locale. */
export const grouped = (value: number): string => {
  const [whole = '', fraction] = String(value).split('.')
  const text = whole.replace(/\B(?=(?:\d{3})+$)/g, ',')
  return fraction === undefined ? text : `${text}.${fraction}`
}

/** `1 message`, `2 messages`. */
export const counted = (n: number, noun: string): string => `${grouped(n)} ${noun}${n === 1 ? '' : 's'}`

// By code points; wide characters may still shift a column, which costs looks only.
const widthOf = (text: string): number => [...text].length

const cut = (line: string, columns: number | undefined): string => {
  if (columns === undefined || widthOf(line) <= columns) return line
  return `${[...line].slice(0, Math.max(0, columns - 1)).join('')}…`
}

/** `columns`: width of the terminal, if it is one. */
export const table = <Row>(
  rows: ReadonlyArray<Row>,
  columnsOf: ReadonlyArray<Column<Row>>,
  columns?: number,
): string => {
  const cells = rows.map((row) => columnsOf.map(({ cell }) => shown(cell(row))))
  const titles = columnsOf.map(({ title }) => title.toUpperCase())
  const widths = titles.map((title, index) =>
    cells.reduce((width, row) => Math.max(width, widthOf(row[index] ?? '')), widthOf(title)),
  )
  const line = (texts: ReadonlyArray<string>): string =>
    texts
      .map((text, index) => {
        const space = ' '.repeat(Math.max(0, (widths[index] ?? 0) - widthOf(text)))
        return columnsOf[index]?.align === 'right' ? space + text : text + space
      })
      .join(GAP)
      .trimEnd()
  return [titles, ...cells].map((texts) => cut(line(texts), columns)).join('\n')
}

/** What is absent is left out. */
export const facts = (
  entries: ReadonlyArray<readonly [name: string, value: string | number | boolean | undefined]>,
): string => {
  const present = entries.filter(([, value]) => value !== undefined && value !== '')
  const width = Math.max(...present.map(([name]) => widthOf(name)))
  return present.map(([name, value]) => `${name.padEnd(width)}${GAP}${shown(value)}`).join('\n')
}

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** 90_000 → `1m 30s`: two units at most, which is what a person compares. */
export const duration = (ms: number): string => {
  if (ms < SECOND_MS) return `${Math.round(ms)}ms`
  if (ms < MINUTE_MS) return `${Number((ms / SECOND_MS).toFixed(1))}s`
  const units: ReadonlyArray<readonly [number, string]> = [
    [DAY_MS, 'd'],
    [HOUR_MS, 'h'],
    [MINUTE_MS, 'm'],
    [SECOND_MS, 's'],
  ]
  let left = ms
  const parts: string[] = []
  for (const [unitMs, name] of units) {
    const count = Math.floor(left / unitMs)
    left -= count * unitMs
    if (count > 0) parts.push(`${count}${name}`)
    if (parts.length === 2) break
  }
  return parts.join(' ')
}

const JSON_CHARS_MAX = 60
export const shortJson = (value: unknown, charsMax = JSON_CHARS_MAX): string => {
  const text = value === undefined ? '' : JSON.stringify(value)
  return text.length > charsMax ? `${text.slice(0, charsMax - 1)}…` : text
}

/** Local time to the second, as people read it; `--json` has the exact instant. */
export const clockTime = (iso: string | undefined): string | undefined =>
  iso?.replace('T', ' ').replace(/\.\d+Z$/, 'Z')
