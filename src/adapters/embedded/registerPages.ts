// How much of all register files is held in memory: pages with notes that are not on disk yet, up to a bound above which
// they are written without being asked for, and a few more that were read or written lately.
import { PAGE_ENTRIES } from '../../views/finishedCodes.js'

export const PAGE_BYTES = PAGE_ENTRIES * Float64Array.BYTES_PER_ELEMENT
/** 2 million finished messages. More wait only while the disk is slower than they come in, or refuses. */
export const DIRTY_BYTES_MAX = 16 * 1024 * 1024
/** Of all streams together; 8 MiB. */
export const CLEAN_PAGES_MAX = 128
/** A note for a page that is not in memory is an entry of a Map; about this. */
export const LATE_NOTE_BYTES = 64

export type RegisterPage = {
  readonly index: number
  readonly codes: Float64Array
  dirty: boolean
  /** It must stay until the disk has it, or what is read from there would be older. */
  writing: boolean
  /** Tells the owner that it is gone. */
  readonly forget: (page: RegisterPage) => void
}

export class PageBudget {
  private dirtyBytes = 0
  /** In the order of their last use. */
  private readonly clean = new Set<RegisterPage>()

  constructor(
    private readonly onTooDirty: () => void,
    private readonly dirtyBytesMax: number,
  ) {}

  /** Notes waiting for the disk; taken back with a negative number. */
  soil(bytes: number): void {
    this.dirtyBytes += bytes
    if (bytes > 0 && this.dirtyBytes > this.dirtyBytesMax) this.onTooDirty()
  }

  soilPage(page: RegisterPage): void {
    page.dirty = true
    this.clean.delete(page)
    this.soil(PAGE_BYTES)
  }

  /** Before its write begins: a note that comes later makes it dirty again. */
  cleanPage(page: RegisterPage): void {
    page.dirty = false
    this.soil(-PAGE_BYTES)
  }

  /** Keeps a clean page for a while, at the cost of the one that was not used for longest. */
  keep(page: RegisterPage): void {
    if (page.dirty || page.writing) return
    this.clean.delete(page)
    this.clean.add(page)
    if (this.clean.size <= CLEAN_PAGES_MAX) return
    for (const oldest of this.clean) {
      this.clean.delete(oldest)
      oldest.forget(oldest)
      return
    }
  }

  discard(page: RegisterPage): void {
    this.clean.delete(page)
    if (page.dirty) this.cleanPage(page)
  }
}
