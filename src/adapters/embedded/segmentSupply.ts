// Has the next segment ready before it is needed, so that no commit waits for 64 MiB of zeros. Where there is no room for
// one, it tries again and again: the log serves what fits the segment it has, and is back to normal when space is (R07).
import { reasonOf } from './errors.js'

const RETRY_MS = 1_000

export type SupplyState = 'preparing' | 'ready' | 'failed'

export class SegmentSupply {
  state: SupplyState = 'preparing'
  /** Why the last try failed. */
  reason: string | undefined
  private retry: NodeJS.Timeout | undefined
  private running: Promise<void> = Promise.resolve()
  private closed = false

  constructor(
    private readonly prepare: (segment: number) => Promise<void>,
    private readonly onChange: () => void,
  ) {}

  startReady(): void {
    this.state = 'ready'
  }

  /** Prepares that segment from now on. */
  start(segment: number): void {
    this.state = 'preparing'
    this.running = this.tryOnce(segment)
  }

  async close(): Promise<void> {
    this.closed = true
    clearTimeout(this.retry)
    await this.running
  }

  private async tryOnce(segment: number): Promise<void> {
    try {
      await this.prepare(segment)
      this.state = 'ready'
      this.reason = undefined
    } catch (cause) {
      this.state = 'failed'
      this.reason = `no room for the next segment: ${reasonOf(cause)}`
    }
    if (this.closed) return
    if (this.state === 'failed') {
      this.retry = setTimeout(() => {
        this.running = this.tryOnce(segment)
      }, RETRY_MS)
      this.retry.unref()
    }
    this.onChange()
  }
}
