// The least of a failing run: fewest steps first, then fewest features and faults, with which the same promise still breaks. What
// is left is the story to read. Steps are left out in ever smaller shares (delta debugging): most of them have no part in it.
import type { RunOptions, RunReport } from './simulation.js'

export type Shrunk = Readonly<{
  /** How the run is asked for again: arguments of `npm run sim`. */
  steps: string
  without: string
  runs: number
  report: Pick<RunReport, 'broken' | 'trace' | 'log'>
}>

type Told = Pick<RunReport, 'broken' | 'trace' | 'log' | 'turns'>
export type RunAgain = (options: RunOptions) => Promise<Told>

/** What a kind of run may be made smaller by, and how many runs that is worth. */
export type Shrinkable = Readonly<{ steps: number; features: ReadonlyArray<string>; runsMax: number }>

/** Of all runs together. One that spins takes fifty thousand before it is given up: of those there are a few hundred. */
const TURNS_MAX = 20_000_000

/** The promise behind a sentence: numbers, names and places differ from run to run. */
export const promiseOf = (sentence: string): string =>
  sentence
    .replace(/^partition \d+ revision \d+: /, '')
    .split('\n', 1)
    .join('')
    .replace(/"[^"]*"|\b[a-z]+\d+\b|\d+/g, '#')

export const shrink = async (
  again: RunAgain,
  { steps: stepCount, features, runsMax }: Shrinkable,
): Promise<Shrunk | undefined> => {
  const first = await again({})
  const promise = first.broken[0] === undefined ? undefined : promiseOf(first.broken[0])
  if (promise === undefined) return undefined
  let runs = 1
  let { turns } = first
  let best = { report: first, steps: [...Array(stepCount).keys()], without: [] as string[] }
  const tryWith = async (change: Partial<typeof best>): Promise<boolean> => {
    if (runs >= runsMax || turns >= TURNS_MAX) return false
    runs++
    const { steps, without } = { ...best, ...change }
    const report = await again({ steps: new Set(steps), without: new Set(without) })
    turns += report.turns
    const breaks = report.broken.some((sentence) => promiseOf(sentence) === promise)
    if (breaks) best = { report, steps, without }
    return breaks
  }
  await fewerSteps(
    () => best.steps,
    (steps) => tryWith({ steps }),
  )
  for (const feature of features) await tryWith({ without: [...best.without, feature] })
  await fewerSteps(
    () => best.steps,
    (steps) => tryWith({ steps }),
  )
  return { steps: rangesOf(best.steps), without: best.without.join(','), runs, report: best.report }
}

const fewerSteps = async (
  left: () => ReadonlyArray<number>,
  tryThese: (steps: number[]) => Promise<boolean>,
): Promise<void> => {
  // Whatever comes after the break has no part in it: a shorter run is tried first.
  for (let length = left().length >> 1; length > 0; length >>= 1)
    while (left().length > length && (await tryThese(left().slice(0, -length))));
  for (let share = left().length >> 1; share > 0; share >>= 1) {
    for (let from = left().length - share; from > -share; ) {
      const start = Math.max(0, from)
      const rest = [...left().slice(0, start), ...left().slice(start + share)]
      await tryThese(rest)
      from -= share
    }
  }
}

/** 3,4,5,9 as 3-5,9. */
export const rangesOf = (steps: ReadonlyArray<number>): string => {
  const ranges: Array<[number, number]> = []
  for (const step of steps) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === step - 1) last[1] = step
    else ranges.push([step, step])
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}

export const stepsOf = (ranges: string): Set<number> => {
  const steps = new Set<number>()
  for (const range of ranges.split(',').filter((text) => /^\d/.test(text))) {
    const [from, to = from] = range.split('-').map(Number)
    for (let step = from ?? 0; step <= (to ?? 0); step++) steps.add(step)
  }
  return steps
}
