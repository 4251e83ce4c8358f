// The finished messages of one stream: one file of 8 bytes for each ordinal behind a header block. A note is a store into
// a page in memory and never touches the disk; one for an older page waits in a small Map until that page is read anyway.
// Everything on disk happens one after another in `turn`. A crash at any point is harmless: the header promises only
// what was synced before, and notes after it come again from the log.
import { NO_REVISION } from '../../../domain/batch.js'
import type { FinishedEntry, FinishedQuery } from '../../ports/finishedRegister.js'
import { collect, entryOf, PAGE_ENTRIES, pageOf, startOf } from '../../views/finishedCodes.js'
import { codeOf } from './errors.js'
import { type OpenFile, readWhole, realFiles, writeWhole } from './files.js'
import { HEADER_BYTES, headerBytes, headerOf, type RegisterHeader } from './registerHeader.js'
import { LATE_NOTE_BYTES, PAGE_BYTES, type PageBudget, type RegisterPage } from './registerPages.js'

/** No ordinal falls into it, so the first note looks for its page. */
const NO_PAGE_FIRST = Number.POSITIVE_INFINITY

/** A search through pages that are all in memory lets others run after so many; one takes about 30 µs. */
const PAGES_PER_TURN = 32

const turnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const openOrCreate = async (path: string): Promise<OpenFile> => {
  try {
    return await realFiles.open(path, 'existing')
  } catch (cause) {
    // Any other reason may pass, and creating the file would then have emptied it.
    if (codeOf(cause) === 'ENOENT') return await realFiles.open(path, 'new')
    throw cause
  }
}

/** The header of a file that is whole; undefined if it is anything else. */
export const readRegisterHeader = async (path: string): Promise<RegisterHeader | undefined> => {
  const handle = await realFiles.open(path, 'read')
  try {
    const bytes = new Uint8Array(HEADER_BYTES)
    const header = headerOf(bytes.subarray(0, await readWhole(handle, bytes, 0)))
    const size = await handle.size()
    return header !== undefined && size >= HEADER_BYTES + header.pages * PAGE_BYTES ? header : undefined
  } finally {
    await handle.close()
  }
}

export class RegisterFile {
  coveredTo = NO_REVISION
  hasCallerIds = false
  private current: Float64Array = new Float64Array(0)
  private currentPage: RegisterPage | undefined
  private currentFirst = NO_PAGE_FIRST
  private readonly pages = new Map<number, RegisterPage>()
  /** Notes for pages that stand on disk but not in memory: page, slot, code. */
  private readonly late = new Map<number, Map<number, number>>()
  private readonly loading = new Map<number, Promise<RegisterPage>>()
  /** Pages from here on hold nothing on disk. */
  private pagesOnDisk = 0
  private lastPage = -1
  /** Set when something noted was lost: no revision is covered before the stream is dropped and noted again. */
  private isLost = false
  private handle: Promise<OpenFile> | undefined

  /** `turn`: what must have happened on this path before. */
  constructor(
    private readonly path: string,
    private readonly stream: string,
    private readonly budget: PageBudget,
    private turn: Promise<void>,
    header: RegisterHeader | undefined,
  ) {
    if (header === undefined) return
    this.coveredTo = header.coveredTo
    this.hasCallerIds = header.hasCallerIds
    this.pagesOnDisk = header.pages
    this.lastPage = header.pages - 1
  }

  /** Hot: once per finished message. */
  note(ordinal: number, code: number): void {
    const slot = ordinal - this.currentFirst
    if (slot >= 0 && slot < PAGE_ENTRIES && this.currentPage?.dirty) this.current[slot] = code
    else this.noteElsewhere(ordinal, code)
  }

  lose(): void {
    this.coveredTo = NO_REVISION
    this.isLost = true
  }

  async find(ordinal: number): Promise<FinishedEntry | undefined> {
    const index = pageOf(ordinal)
    const slot = ordinal - index * PAGE_ENTRIES
    const late = this.late.get(index)?.get(slot)
    if (late !== undefined) return entryOf(ordinal, late)
    const page = await this.pageAt(index)
    return page === undefined ? undefined : entryOf(ordinal, page.codes[slot] ?? 0)
  }

  async page(query: FinishedQuery): Promise<FinishedEntry[]> {
    const found: FinishedEntry[] = []
    const { from, step } = startOf(query, this.lastPage)
    for (
      let index = pageOf(from);
      index >= 0 && index <= this.lastPage && found.length < query.limit;
      index += step
    ) {
      if (index % PAGES_PER_TURN === 0) await turnOfLoop()
      const page = this.pages.get(index) ?? (await this.pageAt(index))
      if (page !== undefined) collect(page.codes, index, from, step, query, found)
    }
    return found
  }

  /** Brings what was noted to the file, without a promise about it. */
  writeDirty(): Promise<void> {
    return this.inTurn(() => this.writePages())
  }

  /** `alsoSynced` runs between the sync of the pages and the header that speaks of both. */
  flush(revision: number, alsoSynced: (coveredTo: number) => Promise<void>): Promise<void> {
    return this.inTurn(async () => {
      await this.writePages()
      await alsoSynced(this.covers(revision))
      const handle = await this.file()
      const coveredTo = this.covers(revision)
      const { stream, pagesOnDisk: pages, hasCallerIds } = this
      await handle.datasync()
      await writeWhole(handle, headerBytes({ stream, coveredTo, pages, hasCallerIds }), 0)
      await handle.datasync()
      if (!this.isLost) this.coveredTo = coveredTo
    })
  }

  /** The file goes; a successor for the same path waits for it. This object must not be used again. */
  destroy(): Promise<void> {
    this.discard()
    return this.inTurn(async () => {
      await this.closeFile()
      await realFiles.remove(this.path)
    })
  }

  close(): Promise<void> {
    return this.inTurn(() => this.closeFile())
  }

  private covers(revision: number): number {
    return this.isLost ? NO_REVISION : Math.max(this.coveredTo, revision)
  }

  private noteElsewhere(ordinal: number, code: number): void {
    const index = pageOf(ordinal)
    const slot = ordinal - index * PAGE_ENTRIES
    let page = this.pages.get(index)
    if (page === undefined) {
      if (index < this.pagesOnDisk) {
        this.noteLate(index, slot, code)
        return
      }
      page = this.addPage(index, new Float64Array(PAGE_ENTRIES))
    }
    if (!page.dirty) this.budget.soilPage(page)
    page.codes[slot] = code
    this.currentPage = page
    this.current = page.codes
    this.currentFirst = index * PAGE_ENTRIES
  }

  private noteLate(index: number, slot: number, code: number): void {
    let notes = this.late.get(index)
    if (notes === undefined) {
      notes = new Map()
      this.late.set(index, notes)
    }
    if (!notes.has(slot)) this.budget.soil(LATE_NOTE_BYTES)
    notes.set(slot, code)
  }

  private addPage(index: number, codes: Float64Array): RegisterPage {
    const page: RegisterPage = { index, codes, dirty: false, writing: false, forget: this.forget }
    this.pages.set(index, page)
    this.lastPage = Math.max(this.lastPage, index)
    return page
  }

  private readonly forget = (page: RegisterPage): void => {
    if (this.pages.get(page.index) === page) this.pages.delete(page.index)
    if (this.currentPage !== page) return
    this.currentPage = undefined
    this.currentFirst = NO_PAGE_FIRST
  }

  private async pageAt(index: number): Promise<RegisterPage | undefined> {
    const known = this.pages.get(index)
    if (known !== undefined) {
      this.budget.keep(known)
      return known
    }
    if (index >= this.pagesOnDisk) return undefined
    let reading = this.loading.get(index)
    if (reading === undefined) {
      reading = this.load(index).finally(() => this.loading.delete(index))
      this.loading.set(index, reading)
    }
    return await reading
  }

  /** A page that is being read is not in `pages`, so notes for it meanwhile are late ones and end up on top. */
  private async load(index: number): Promise<RegisterPage> {
    const codes = new Float64Array(PAGE_ENTRIES)
    await readWhole(await this.file(), new Uint8Array(codes.buffer), HEADER_BYTES + index * PAGE_BYTES)
    const page = this.addPage(index, codes)
    const notes = this.late.get(index)
    if (notes !== undefined) {
      for (const [slot, code] of notes) codes[slot] = code
      this.late.delete(index)
      this.budget.soil(-LATE_NOTE_BYTES * notes.size)
      this.budget.soilPage(page)
    }
    this.budget.keep(page)
    return page
  }

  private async writePages(): Promise<void> {
    const dirty = [...this.late.keys()]
    for (const page of this.pages.values()) if (page.dirty) dirty.push(page.index)
    for (const index of dirty) {
      const page = await this.pageAt(index)
      if (page === undefined || !page.dirty) continue
      const handle = await this.file()
      this.budget.cleanPage(page)
      try {
        page.writing = true
        // A note during the write may or may not be in it: the page is dirty again, and written again.
        await writeWhole(handle, new Uint8Array(page.codes.buffer), HEADER_BYTES + index * PAGE_BYTES)
      } catch (cause) {
        if (!page.dirty && this.pages.get(index) === page) this.budget.soilPage(page)
        throw cause
      } finally {
        page.writing = false
      }
      this.pagesOnDisk = Math.max(this.pagesOnDisk, index + 1)
      this.budget.keep(page)
    }
  }

  private discard(): void {
    for (const page of this.pages.values()) this.budget.discard(page)
    for (const notes of this.late.values()) this.budget.soil(-LATE_NOTE_BYTES * notes.size)
    this.pages.clear()
    this.late.clear()
    this.pagesOnDisk = 0
    this.lastPage = -1
    this.currentPage = undefined
    this.currentFirst = NO_PAGE_FIRST
  }

  private file(): Promise<OpenFile> {
    this.handle ??= openOrCreate(this.path).catch((cause: unknown) => {
      this.handle = undefined
      throw cause
    })
    return this.handle
  }

  private async closeFile(): Promise<void> {
    await Promise.allSettled(this.loading.values())
    this.discard()
    const { handle } = this
    this.handle = undefined
    if (handle !== undefined) await (await handle).close()
  }

  private inTurn(run: () => Promise<void>): Promise<void> {
    const result = this.turn.then(run)
    this.turn = result.catch(() => {})
    return result
  }
}
