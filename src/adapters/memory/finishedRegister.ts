// The register of finished messages without a disk: 8 bytes for each, beside the memory log and for tests. Nothing leaves
// it before its stream is dropped, as nothing leaves the memory log unless it is truncated.
import { NO_REVISION } from '../../../domain/batch.js'
import type { FinishedEntry, FinishedQuery, FinishedRegister } from '../../ports/finishedRegister.js'
import { codeOf, collect, entryOf, PAGE_ENTRIES, pageOf, startOf } from '../../views/finishedCodes.js'

type StreamEntries = {
  readonly pages: Map<number, Float64Array>
  readonly callerIds: Map<string, number>
  lastPage: number
  coveredTo: number
}

class MemoryFinishedRegister {
  private readonly streams = new Map<string, StreamEntries>()
  private closed = false

  asPort(): FinishedRegister {
    return {
      note: (stream, entry, callerId) => this.note(stream, entry, callerId),
      find: async (stream, ordinal) => this.find(stream, ordinal),
      findCallerId: async (stream, callerId) => this.opened(stream)?.callerIds.get(callerId),
      page: async (stream, query) => this.page(stream, query),
      flush: async (stream, revision) => {
        this.opened(stream)
        const entries = this.entriesOf(stream)
        entries.coveredTo = Math.max(entries.coveredTo, revision)
      },
      coveredTo: (stream) => this.streams.get(stream)?.coveredTo ?? NO_REVISION,
      drop: async (stream) => {
        this.opened(stream)
        this.streams.delete(stream)
      },
      close: async () => {
        this.closed = true
      },
    }
  }

  private note(stream: string, { ordinal, revision, outcome }: FinishedEntry, callerId?: string): void {
    const entries = this.entriesOf(stream)
    const index = pageOf(ordinal)
    let codes = entries.pages.get(index)
    if (codes === undefined) {
      codes = new Float64Array(PAGE_ENTRIES)
      entries.pages.set(index, codes)
      entries.lastPage = Math.max(entries.lastPage, index)
    }
    codes[ordinal - index * PAGE_ENTRIES] = codeOf(revision, outcome)
    if (callerId === undefined) return
    entries.callerIds.set(callerId, Math.max(ordinal, entries.callerIds.get(callerId) ?? 0))
  }

  private find(stream: string, ordinal: number): FinishedEntry | undefined {
    const codes = this.opened(stream)?.pages.get(pageOf(ordinal))
    return entryOf(ordinal, codes?.[ordinal % PAGE_ENTRIES] ?? 0)
  }

  private page(stream: string, query: FinishedQuery): FinishedEntry[] {
    const entries = this.opened(stream)
    const found: FinishedEntry[] = []
    if (entries === undefined) return found
    const { from, step } = startOf(query, entries.lastPage)
    for (
      let index = pageOf(from);
      index >= 0 && index <= entries.lastPage && found.length < query.limit;
      index += step
    ) {
      const codes = entries.pages.get(index)
      if (codes !== undefined) collect(codes, index, from, step, query, found)
    }
    return found
  }

  private opened(stream: string): StreamEntries | undefined {
    if (this.closed) throw new Error('the register of finished messages is closed')
    return this.streams.get(stream)
  }

  private entriesOf(stream: string): StreamEntries {
    const known = this.streams.get(stream)
    if (known !== undefined) return known
    const created: StreamEntries = {
      pages: new Map(),
      callerIds: new Map(),
      lastPage: -1,
      coveredTo: NO_REVISION,
    }
    this.streams.set(stream, created)
    return created
  }
}

export const memoryFinishedRegister = (): FinishedRegister => new MemoryFinishedRegister().asPort()
