// Where the stories of golden logs take place: a ledger on a real directory, whose time, ids and chance are the same in each
// run. Nothing but the ledger's own random id differs between two writings of a story.
import { cp } from 'node:fs/promises'
import { basename } from 'node:path'
import { openLedger } from '../../../src/api/openLedger.js'
import type { ClaimedMessage, Ledger, Queue, SettlementRequest } from '../../../src/api/types/index.js'
import type { Ids } from '../../../src/ports/ids.js'
import { VirtualClock } from '../../../src/testing/virtualClock.js'

/** The smallest there are: a golden log is to be small, and to have more than one of them. */
export const GOLDEN_SEGMENT_BYTES = 16 * 1024
export const GOLDEN_START_MS = Date.UTC(2026, 10, 22, 6)

export class GoldenHouse {
  ledger!: Ledger
  private lastId = 0

  private constructor(
    readonly directory: string,
    readonly clock: VirtualClock,
  ) {}

  /** `wallMs`: what the clock says at first; for a log that is there already, later than its last event. */
  static async open(directory: string, wallMs = GOLDEN_START_MS, node = 'golden'): Promise<GoldenHouse> {
    const house = new GoldenHouse(directory, new VirtualClock({ wallMs }))
    await house.begin(node)
    return house
  }

  private async begin(node: string): Promise<void> {
    const ids: Ids = {
      unique: () => `${node}-${String(++this.lastId).padStart(5, '0')}`,
      random: () => 0.5,
    }
    this.ledger = await openLedger({
      log: { kind: 'embedded', path: this.directory, segmentBytes: GOLDEN_SEGMENT_BYTES },
      blobs: 'files',
      claimCheckAboveBytes: 400,
      snapshotEveryEvents: 60,
      logging: false,
      node,
      clock: this.clock,
      ids,
    })
  }

  /** Closes the ledger and opens it again, as a process that comes after. */
  async restart(node: string): Promise<void> {
    await this.ledger.close()
    await this.begin(node)
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms)
  }

  /** Time stands still until it is so: what works in the background needs turns of the event loop, not time. */
  async until(isSo: () => Promise<boolean>): Promise<void> {
    for (let turns = 0; !(await isSo()); turns++) {
      if (turns > 10_000) throw new Error('what the story waits for does not happen')
      await this.clock.settle()
    }
  }
}

export const operator = { who: 'ada', why: 'a golden log', from: 'office' } as const

export const claimed = (
  queue: Queue<unknown>,
  max = 1,
  claimId?: string,
): Promise<ReadonlyArray<ClaimedMessage>> =>
  queue.claim({ worker: 'worker-1', max, ...(claimId === undefined ? {} : { claimId }) })

export const oneClaimed = async (queue: Queue<unknown>): Promise<ClaimedMessage> => {
  const [message] = await claimed(queue)
  if (message === undefined) throw new Error(`nothing to claim in ${queue.name}`)
  return message
}

type Outcome = SettlementRequest extends infer Request
  ? Request extends unknown
    ? Omit<Request, 'leaseToken'>
    : never
  : never

export const settle = async (
  queue: Queue<unknown>,
  { leaseToken }: ClaimedMessage,
  outcome: Outcome,
): Promise<void> => {
  const [result] = await queue.settle([{ ...outcome, leaseToken } as SettlementRequest])
  if (result?.ok !== true) throw new Error(`the settlement was refused: ${JSON.stringify(result)}`)
}

/** The files as a process that is killed now would leave them, but for the lock, which is nobody's, and the views. */
export const copyOfFiles = (from: string, to: string): Promise<void> =>
  cp(from, to, {
    recursive: true,
    filter: (path) => !basename(path).startsWith('lock') && basename(path) !== 'views',
  })
