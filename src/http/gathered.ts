// Answers about the whole ledger, put together from those of its nodes: each tells of the queues that it leads.
import { isFields } from '../../domain/storedFields.js'

type Fields = Readonly<Record<string, unknown>>
/** The first is the asked node's own. */
export type GatheredAnswer = (bodies: ReadonlyArray<unknown>) => Fields

const listsOf = (bodies: ReadonlyArray<unknown>, key: string): ReadonlyArray<unknown> =>
  bodies.flatMap((body) => {
    const list = isFields(body) ? body[key] : undefined
    return Array.isArray(list) ? (list as ReadonlyArray<unknown>) : []
  })

const sumOf = (bodies: ReadonlyArray<unknown>, numberOf: (body: Fields) => unknown): number =>
  bodies.reduce<number>((sum, body) => sum + (isFields(body) ? Number(numberOf(body) ?? 0) : 0), 0)

const own = ([body]: ReadonlyArray<unknown>): Fields => (isFields(body) ? body : {})
const nameOf = (view: unknown): string => (isFields(view) ? String(view.queue) : '')
const byQueue = (a: unknown, b: unknown): number => (nameOf(a) < nameOf(b) ? -1 : 1)

export const gatheredQueues: GatheredAnswer = (bodies) => ({
  ...own(bodies),
  queues: [...listsOf(bodies, 'queues')].sort(byQueue),
})

export const gatheredStats: GatheredAnswer = (bodies) => {
  const waiting = sumOf(bodies, ({ followUps }) => (isFields(followUps) ? followUps.waiting : 0))
  return { ...gatheredQueues(bodies), followUps: { waiting } }
}

const STATUSES: ReadonlyArray<unknown> = ['healthy', 'degraded', 'unhealthy']

/** As well as the worst of them. */
export const gatheredHealth: GatheredAnswer = (bodies) => {
  const worst = Math.max(...bodies.map((body) => STATUSES.indexOf(own([body]).status)))
  return { ...own(bodies), status: STATUSES[worst], reasons: listsOf(bodies, 'reasons') }
}

export const gatheredRecovery: GatheredAnswer = (bodies) => ({
  ...own(bodies),
  partitions: [...listsOf(bodies, 'partitions')].sort(byQueue),
  eventsReplayed: sumOf(bodies, ({ eventsReplayed }) => eventsReplayed),
  attemptsLost: sumOf(bodies, ({ attemptsLost }) => attemptsLost),
})
