// Outcomes on their way to the server: one call at a time, each with all that has gathered meanwhile. A call without an
// answer is repeated as it was, which the ledger takes for the same fact.
import { RefusedError } from '../api/errors.js'
import type { SettlementRequest, SettlementResult } from '../api/types/index.js'

/** Half the server's limit on a body; results may take 16 KiB each. */
const BATCH_CHARS_MAX = 512 * 1_024
const BATCH_MAX = 1_000
const PAUSE_FIRST_MS = 100
const PAUSE_MAX_MS = 5_000
/** After that the leases have run out, and somebody else has the messages. */
const TRIES_MAX = 20

type Send = (settlements: ReadonlyArray<SettlementRequest>) => Promise<ReadonlyArray<SettlementResult>>

export class SettlementOutbox {
  private waiting: SettlementRequest[] = []
  private sending: Promise<void> | undefined

  constructor(
    private readonly send: Send,
    private readonly pause: (ms: number) => Promise<void>,
    private readonly report: (error: unknown) => void,
  ) {}

  add(settlement: SettlementRequest): void {
    this.waiting.push(settlement)
    this.sending ??= this.sendAll()
  }

  async emptied(): Promise<void> {
    await this.sending
  }

  private async sendAll(): Promise<void> {
    // Outcomes of handlers that return in the same turn go together.
    await Promise.resolve()
    while (this.waiting.length > 0) await this.sendBatch(this.nextBatch())
    this.sending = undefined
  }

  private nextBatch(): ReadonlyArray<SettlementRequest> {
    let chars = 0
    let count = 0
    for (const settlement of this.waiting) {
      chars += JSON.stringify(settlement).length
      if (count > 0 && (chars > BATCH_CHARS_MAX || count >= BATCH_MAX)) break
      count += 1
    }
    return this.waiting.splice(0, count)
  }

  private async sendBatch(batch: ReadonlyArray<SettlementRequest>): Promise<void> {
    let pauseMs = PAUSE_FIRST_MS
    for (let tries = 1; ; tries += 1) {
      try {
        for (const result of await this.send(batch)) {
          if (!result.ok) this.report(new RefusedError(result.code, `outcome dropped: ${result.message}`))
        }
        return
      } catch (error) {
        this.report(error)
        const definite = error instanceof RefusedError && error.code !== 'overloaded'
        if (definite || tries >= TRIES_MAX) return
      }
      await this.pause(pauseMs)
      pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)
    }
  }
}
