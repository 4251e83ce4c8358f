// A sick processor closes its zone (D11, C7): the zone's circuit is forced open by an event of the queue, so that nobody
// starts messages there, and left to itself once the processor is well. What an operator has forced is not touched.
import { isLeft } from 'fp-ts/lib/Either.js'
import { controlStream } from '../../../domain/ids.js'
import { forceCircuit } from '../../../domain/queue/index.js'
import type { QueueEngine } from '../../engine/queueEngine.js'
import { LogFault } from '../../engine/recovery.js'
import type { EventLog } from '../../ports/eventLog.js'
import { errorOf } from '../refusals.js'

const WHO = 'processor health'
const PAGE_BYTES = 1_048_576

export class ZoneHealth {
  /** Workers that have called a zone sick: it is well when the last of them says so. */
  private readonly sick = new Map<string, Set<string>>()

  constructor(private readonly log: EventLog) {}

  async tell(
    engine: QueueEngine,
    worker: string,
    { zone, healthy, why }: Readonly<{ zone: string; healthy: boolean; why: string }>,
  ): Promise<void> {
    const place = `${engine.name}/${zone}`
    const workers = this.sick.get(place) ?? new Set<string>()
    if (healthy) workers.delete(worker)
    else workers.add(worker)
    if (workers.size > 0) this.sick.set(place, workers)
    else this.sick.delete(place)
    const isForced = (): boolean => Object.hasOwn(engine.control.switches.forcedCircuits, zone)
    const to = workers.size > 0 ? 'open' : 'auto'
    if (to === 'open' ? isForced() : !(isForced() && (await whoForced(this.log, engine, zone)) === WHO))
      return
    await engine.changeControl((control) => {
      // Another worker may have said otherwise while the log was read; its own call does what has to be done then.
      if (this.sick.has(place) !== (to === 'open')) return []
      const events = forceCircuit(control, zone, to, { who: WHO, why: `${why} (${worker})` })
      if (isLeft(events)) throw errorOf(events.left)
      return events.right
    })
  }
}

/** By the log and not by memory: the process that forced it may have died before it could take that back. */
export const whoForced = async (
  log: EventLog,
  { entry }: QueueEngine,
  circuit: string,
): Promise<string | undefined> => {
  const stream = controlStream(entry.queue, entry.generation)
  let who: string | undefined
  for (let revision = 0; ; ) {
    const page = await log.read(stream, revision, PAGE_BYTES)()
    if (isLeft(page)) throw new LogFault(page.left, stream)
    for (const { events, firstRevision } of page.right.batches) {
      for (const event of events) {
        if (event.type === 'CircuitForced' && event.circuit === circuit) who = event.by?.who
      }
      revision = firstRevision + events.length
    }
    if (page.right.atEnd) return who
  }
}
