// Tables of a page, so that a test can hold a document to the code.
import { readFileSync } from 'node:fs'

const repository = new URL('../../', import.meta.url)

export const pageOf = (path: string): string => readFileSync(new URL(path, repository), 'utf8')

/** A cell without its code marks. */
const cellOf = (cell: string): string => cell.trim().replace(/^`(.*)`$/, '$1')

/** Rows of the first table after `heading`, without its head: a list of cells each. */
export const tableAfter = (page: string, heading: string): ReadonlyArray<ReadonlyArray<string>> => {
  const at = page.indexOf(heading)
  if (at < 0) throw new Error(`the page has no "${heading}"`)
  const lines = page.slice(at + heading.length).split('\n')
  const first = lines.findIndex((line) => line.startsWith('|'))
  const last = lines.findIndex((line, index) => index > first && !line.startsWith('|'))
  return lines
    .slice(first + 2, last < 0 ? undefined : last)
    .map((line) => line.split('|').slice(1, -1).map(cellOf))
}
