// A whole archive, open for writing by one process: whose it is, and one part per partition of the topic.
import { chmod } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { lockFile } from '../../adapters/embedded/directoryLock.js'
import { ensureFolder, readChecked, writeChecked } from '../checkedFile.js'
import { ArchiveDamaged, TopicAlarm } from './archiveErrors.js'
import {
  ARCHIVE_FILE,
  ArchiveCodec,
  type ArchiveFacts,
  archivePath,
  HEADS_FOLDER,
  headPath,
  LOCK_FILE,
  listArchive,
  NO_HEAD,
  newArchive,
} from './archiveFolder.js'
import type { ArchivableEvent } from './lines.js'
import { PartitionArchive } from './partitionArchive.js'

export type ArchiveOptions = Readonly<{
  folder: string
  topic: string
  /** How many the topic has now. */
  partitions: number
  beginsAnywhere: boolean
}>

/** Another process writes it, or it is that of another topic. */
export class ArchiveRefused extends Error {
  constructor(
    message: string,
    readonly isLocked = false,
  ) {
    super(message)
  }
}

const FOLDER_MODE = 0o750

const openFacts = async (options: ArchiveOptions): Promise<ArchiveFacts> => {
  const { folder, topic, partitions, beginsAnywhere } = options
  const found = await readChecked(archivePath(folder), ArchiveCodec)
  if (found !== undefined && isLeft(found))
    throw new ArchiveDamaged({
      file: ARCHIVE_FILE,
      line: undefined,
      stream: undefined,
      revision: undefined,
      reason: found.left,
    })
  const known = found?.right
  if (known === undefined) {
    const { days, strange } = await listArchive(folder)
    if (days.size > 0 || strange.length > 0)
      throw new ArchiveRefused(`${folder} holds other files, and no ${ARCHIVE_FILE}: choose an empty folder.`)
  } else if (known.topic !== topic)
    throw new ArchiveRefused(`${folder} is the archive of the topic ${known.topic}, not of ${topic}.`)
  else if (known.partitions > partitions)
    throw new ArchiveRefused(
      `${folder} has ${known.partitions} partitions, and the topic has ${partitions}: it is another topic of that name.`,
    )
  else if (known.partitions === partitions) return known
  const from = known?.partitions ?? 0
  await ensureFolder(join(folder, HEADS_FOLDER))
  for (let partition = from; partition < partitions; partition++)
    await writeChecked(headPath(folder, partition), NO_HEAD)
  const facts = known === undefined ? newArchive(topic, partitions, beginsAnywhere) : { ...known, partitions }
  await writeChecked(archivePath(folder), facts)
  return facts
}

export class Archive {
  private readonly parts = new Map<number, PartitionArchive>()

  private constructor(
    private readonly options: ArchiveOptions,
    private facts: ArchiveFacts,
    private readonly release: () => void,
  ) {}

  static async open(given: ArchiveOptions): Promise<Archive> {
    const options = { ...given, folder: resolve(given.folder) }
    const { folder } = options
    await ensureFolder(folder)
    await chmod(folder, FOLDER_MODE)
    const lock = lockFile(join(folder, LOCK_FILE))
    if (isLeft(lock)) {
      const { held, reason } = lock.left
      throw new ArchiveRefused(
        held ? `${folder} is in use by another process.` : `${folder}: ${reason}`,
        held,
      )
    }
    const archive = new Archive(options, newArchive('', 0, false), lock.right.release)
    try {
      archive.facts = await openFacts(options)
      if (archive.facts.ledger !== null) await archive.openParts(archive.facts.ledger)
      return archive
    } catch (cause) {
      await archive.close()
      throw cause
    }
  }

  get partitions(): number {
    return this.facts.partitions
  }

  /** Offsets of the partition that are below it are archived; undefined = nothing of it is. */
  nextOffset(partition: number): number | undefined {
    const next = this.parts.get(partition)?.nextOffset
    return next === 0 ? undefined : next
  }

  /** Durable when it answers. */
  async append(ledger: string, partition: number, events: ReadonlyArray<ArchivableEvent>): Promise<void> {
    const [first] = events
    if (first === undefined) return
    if (this.facts.ledger === null) await this.belongTo(ledger)
    if (this.facts.ledger !== ledger)
      throw new TopicAlarm(
        partition,
        first.offset,
        `an event of the ledger ${ledger} in the topic of ${this.facts.ledger}`,
      )
    const part = this.parts.get(partition)
    if (part === undefined)
      throw new TopicAlarm(partition, first.offset, 'a partition that the topic did not have')
    await part.append(events)
  }

  async close(): Promise<void> {
    for (const part of this.parts.values()) await part.close()
    this.parts.clear()
    this.release()
  }

  private async belongTo(ledger: string): Promise<void> {
    this.facts = { ...this.facts, ledger }
    await writeChecked(archivePath(this.options.folder), this.facts)
    await this.openParts(ledger)
  }

  private async openParts(ledger: string): Promise<void> {
    const { folder } = this.options
    const { days } = await listArchive(folder)
    for (let partition = 0; partition < this.facts.partitions; partition++) {
      const { beginsAnywhere } = this.facts
      const part = await PartitionArchive.open({
        folder,
        partition,
        ledger,
        beginsAnywhere,
        days: days.get(partition) ?? [],
      })
      this.parts.set(partition, part)
    }
  }
}
