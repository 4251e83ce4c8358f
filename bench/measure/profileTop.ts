// What a CPU profile of the main thread says at a glance: self time by function, the largest first. `(idle)` is time in
// which the thread had nothing to do; `(program)` is native code outside of JavaScript (system calls, streams, the clock).
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const ROWS = 25

type Profile = Readonly<{
  nodes: ReadonlyArray<
    Readonly<{
      id: number
      callFrame: Readonly<{ functionName: string; url: string; lineNumber: number }>
    }>
  >
  samples: ReadonlyArray<number>
  timeDeltas: ReadonlyArray<number>
}>

const placeOf = ({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string => {
  const name = functionName === '' ? '(anonymous)' : functionName
  return url === '' ? name : `${name}  ${basename(url)}:${lineNumber + 1}`
}

const topOf = (profile: Profile): string => {
  const places = new Map(profile.nodes.map((node) => [node.id, placeOf(node.callFrame)]))
  const micros = new Map<string, number>()
  let total = 0
  profile.samples.forEach((id, i) => {
    const place = places.get(id) ?? '?'
    const delta = profile.timeDeltas[i] ?? 0
    micros.set(place, (micros.get(place) ?? 0) + delta)
    total += delta
  })
  const rows = [...micros].sort(([, a], [, b]) => b - a).slice(0, ROWS)
  return rows
    .map(([place, took]) => `${((took / total) * 100).toFixed(1).padStart(6)} %  ${place}`)
    .join('\n')
}

/** Of each profile in the folder. */
export const topOfProfiles = (folder: string): string =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => `\n${name}\n${topOf(JSON.parse(readFileSync(join(folder, name), 'utf8')) as Profile)}`)
    .join('\n')
