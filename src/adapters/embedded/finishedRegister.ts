// The register of finished messages on disk (§4.9): a file for each stream, and one database for the ids that callers chose.
// All of it is a view: what is missing, torn or foreign is removed here and answered with "covered up to -1", upon which
// it is built anew from the log. The directory belongs to one process; the lock of the ledger sees to that.
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { NO_REVISION } from '../../../domain/batch.js'
import type { Outcome } from '../../../domain/message/index.js'
import type { FinishedRegister } from '../../ports/finishedRegister.js'
import { codeOf } from '../../views/finishedCodes.js'
import { CallerIds } from './callerIds.js'
import { RegisterFile, readRegisterHeader } from './registerFile.js'
import { registerFileName } from './registerHeader.js'
import { DIRTY_BYTES_MAX, PageBudget } from './registerPages.js'

export type FinishedRegisterOptions = Readonly<{
  /** Bytes of notes in memory above which they are written without a flush. */
  dirtyBytesMax?: number
}>

export type OpenedRegister = FinishedRegister &
  Readonly<{
    /** Each stream with the revision up to which it is covered. */
    coveredStreams: () => ReadonlyArray<readonly [string, number]>
  }>

class EmbeddedFinishedRegister {
  private readonly files = new Map<string, RegisterFile>()
  private readonly callerIds: CallerIds
  private readonly budget: PageBudget
  private lastStream: string | undefined
  private lastFile: RegisterFile | undefined
  private isWriting = false
  private isStalled = false
  private closing: Promise<void> | undefined

  constructor(
    private readonly directory: string,
    dirtyBytesMax: number,
  ) {
    this.budget = new PageBudget(() => this.writeDirty(), dirtyBytesMax)
    this.callerIds = new CallerIds(join(directory, 'callerIds.db'), () => {
      for (const file of this.files.values()) if (file.hasCallerIds) file.lose()
    })
  }

  async start(): Promise<void> {
    await mkdir(this.fileFolder(), { recursive: true, mode: 0o700 })
    await this.callerIds.start()
    for (const name of await readdir(this.fileFolder())) {
      if (!name.endsWith('.reg')) continue
      const path = join(this.fileFolder(), name)
      const header = await readRegisterHeader(path)
      if (header === undefined || registerFileName(header.stream) !== name) {
        await rm(path, { recursive: true, force: true })
        continue
      }
      const { stream, coveredTo, hasCallerIds } = header
      const covered = hasCallerIds ? Math.min(coveredTo, this.callerIds.coveredTo(stream)) : coveredTo
      this.files.set(stream, this.newFile(stream, Promise.resolve(), { ...header, coveredTo: covered }))
    }
  }

  asPort(): OpenedRegister {
    return {
      coveredStreams: () => [...this.files].map(([stream, { coveredTo }]) => [stream, coveredTo]),
      note: (stream, entry, callerId) => {
        this.note(stream, entry.ordinal, entry.revision, entry.outcome)
        if (callerId !== undefined) this.noteCallerId(stream, callerId, entry.ordinal)
      },
      find: async (stream, ordinal) => this.opened(stream)?.find(ordinal),
      findCallerId: async (stream, callerId) =>
        this.opened(stream) === undefined ? undefined : this.callerIds.find(stream, callerId),
      page: async (stream, query) => (await this.opened(stream)?.page(query)) ?? [],
      flush: (stream, revision) => this.flush(stream, revision),
      coveredTo: (stream) => this.files.get(stream)?.coveredTo ?? NO_REVISION,
      drop: (stream) => this.drop(stream),
      close: () => this.close(),
    }
  }

  private note(stream: string, ordinal: number, revision: number, outcome: Outcome): void {
    // Notes come batch by batch, so nearly always for the stream of the note before.
    if (stream !== this.lastStream || this.lastFile === undefined) {
      this.lastFile = this.fileOf(stream)
      this.lastStream = stream
    }
    this.lastFile.note(ordinal, codeOf(revision, outcome))
  }

  private noteCallerId(stream: string, callerId: string, ordinal: number): void {
    this.fileOf(stream).hasCallerIds = true
    this.callerIds.note(stream, callerId, ordinal)
  }

  private async flush(stream: string, revision: number): Promise<void> {
    this.opened(stream)
    const file = this.fileOf(stream)
    await file.flush(revision, async (coveredTo) => {
      if (file.hasCallerIds) await this.callerIds.flush(stream, coveredTo)
    })
    this.isStalled = false
  }

  private async drop(stream: string): Promise<void> {
    const file = this.opened(stream)
    if (file === undefined) return await this.callerIds.drop(stream)
    const gone = file.destroy()
    if (this.lastFile === file) this.lastFile = undefined
    this.files.set(stream, this.newFile(stream, gone, undefined))
    await Promise.all([gone, this.callerIds.drop(stream)])
  }

  private close(): Promise<void> {
    const close = async (): Promise<void> => {
      for (const file of this.files.values()) await file.close()
      await this.callerIds.close()
    }
    this.closing ??= close()
    return this.closing
  }

  /** More wait than should: all of it is written, one stream after another, without anybody waiting for it. */
  private writeDirty(): void {
    if (this.isWriting || this.isStalled || this.closing !== undefined) return
    this.isWriting = true
    const write = async (): Promise<void> => {
      for (const file of [...this.files.values()]) await file.writeDirty()
    }
    write()
      .catch(() => {
        // The next flush meets the same fault and reports it; until one succeeds nothing is tried in the background.
        this.isStalled = true
      })
      .finally(() => {
        this.isWriting = false
      })
  }

  private opened(stream: string): RegisterFile | undefined {
    if (this.closing !== undefined) throw new Error('the register of finished messages is closed')
    return this.files.get(stream)
  }

  private fileOf(stream: string): RegisterFile {
    const known = this.files.get(stream)
    if (known !== undefined) return known
    const created = this.newFile(stream, Promise.resolve(), undefined)
    this.files.set(stream, created)
    return created
  }

  private newFile(stream: string, before: Promise<void>, header: Parameters<typeof fileAt>[4]): RegisterFile {
    const path = join(this.fileFolder(), registerFileName(stream))
    return fileAt(path, stream, this.budget, before, header)
  }

  private fileFolder(): string {
    return join(this.directory, 'finished')
  }
}

const fileAt = (...of: ConstructorParameters<typeof RegisterFile>): RegisterFile => new RegisterFile(...of)

/** `directory`: where the ledger keeps its views. Holds `finished/<stream>.reg` and `callerIds.db`. */
export const openFinishedRegister = async (
  directory: string,
  options: FinishedRegisterOptions = {},
): Promise<OpenedRegister> => {
  const register = new EmbeddedFinishedRegister(directory, options.dirtyBytesMax ?? DIRTY_BYTES_MAX)
  await register.start()
  return register.asPort()
}
