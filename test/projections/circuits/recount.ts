// What a circuit must do, told the slow way: from the whole list of what happened to it, counted anew each time. It
// shares no code with the state machine.
import type { CircuitEvent, CircuitSettings } from '../../../domain/circuit/index.js'

export type Happening = Readonly<
  | { at: number; what: 'started'; fence: number }
  | { at: number; what: 'ended'; fence: number; outcome: 'ok' | 'failed' | 'neutral' }
  | { at: number; what: 'event'; event: CircuitEvent }
>

/** What came after the last change of the circuit, and that change. */
const sinceLastChange = (happened: ReadonlyArray<Happening>) => {
  const index = happened.findLastIndex(({ what }) => what === 'event')
  const change = happened[index]
  return { change: change?.what === 'event' ? change : undefined, since: happened.slice(index + 1) }
}

const endsOf = (happened: ReadonlyArray<Happening>, outcomes: ReadonlyArray<string>) =>
  happened.filter((one) => one.what === 'ended' && outcomes.includes(one.outcome))

const startedIn = (happened: ReadonlyArray<Happening>) =>
  new Set(happened.flatMap((one) => (one.what === 'started' ? [one.fence] : [])))

const endedAmong = (happened: ReadonlyArray<Happening>, fences: ReadonlySet<number>, outcome: string) =>
  happened.filter((one) => one.what === 'ended' && fences.has(one.fence) && one.outcome === outcome).length

const opening = (at: number, openMs: number, reason: string) => ({
  type: 'CircuitOpened',
  circuit: 'db',
  reason,
  retryAt: at + openMs,
})

const ofClosed = (since: ReadonlyArray<Happening>, at: number, settings: CircuitSettings) => {
  const failures = endsOf(since, ['failed']).filter((one) => at - one.at < settings.windowMs).length
  if (failures >= settings.failureThreshold) return opening(at, settings.openMs, 'failureThreshold')
  if (!settings.adaptive || failures < 3) return undefined
  const sliceMs = Math.ceil(settings.windowMs / 10)
  const calls = endsOf(since, ['failed', 'ok']).filter((one) => {
    const sliceEndsAt = (Math.floor(one.at / sliceMs) + 1) * sliceMs
    return at - sliceEndsAt < settings.windowMs
  }).length
  return failures >= calls / 2 ? opening(at, settings.openMs, 'failureShare') : undefined
}

/** The change that must follow now. */
export const recountedChange = (
  happened: ReadonlyArray<Happening>,
  at: number,
  settings: CircuitSettings,
): unknown => {
  const { change, since } = sinceLastChange(happened)
  switch (change?.event.type) {
    case undefined:
    case 'CircuitClosed':
      return ofClosed(since, at, settings)
    case 'CircuitOpened':
      return at >= change.event.retryAt ? { type: 'CircuitHalfOpened', circuit: 'db' } : undefined
    case 'CircuitHalfOpened': {
      const probes = startedIn(since)
      if (endedAmong(since, probes, 'failed') > 0) return opening(at, settings.openMs, 'probeFailed')
      if (endedAmong(since, probes, 'ok') < settings.successThreshold) return undefined
      return { type: 'CircuitClosed', circuit: 'db', reason: 'probesSucceeded' }
    }
  }
}

/** Attempts that were started as probes and still run; undefined = the circuit is not half-open. */
export const recountedProbes = (happened: ReadonlyArray<Happening>): number | undefined => {
  const { change, since } = sinceLastChange(happened)
  if (change?.event.type !== 'CircuitHalfOpened') return undefined
  return startedIn(since).size - endedAmongAny(since)
}

const endedAmongAny = (since: ReadonlyArray<Happening>): number => {
  const probes = startedIn(since)
  return since.filter((one) => one.what === 'ended' && probes.has(one.fence)).length
}

export const recountedAdmits = (happened: ReadonlyArray<Happening>, settings: CircuitSettings): boolean => {
  const { change } = sinceLastChange(happened)
  if (change?.event.type === 'CircuitOpened') return false
  return (recountedProbes(happened) ?? 0) < settings.probesMax
}
