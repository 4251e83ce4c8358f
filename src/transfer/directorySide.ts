// A ledger's directory as one end of a move. It is read without its lock, up to its head mark, so a server may use it meanwhile;
// it is written through the log itself, which holds the lock and keeps everybody else out.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { NO_REVISION } from '../../domain/batch.js'
import { decodeBatch } from '../../domain/wire/batchRows.js'
import { openBlobFiles } from '../adapters/blobFiles/blobStore.js'
import { ChainedSegments } from '../adapters/embedded/chainedSegments.js'
import { openEmbeddedLog } from '../adapters/embedded/eventLog.js'
import { type ChainedBatch, ChainFault, lastRevisionOf } from '../chain/chainedBatch.js'
import type { BlobStore } from '../ports/blobStore.js'
import type { AppendFault, EventLog } from '../ports/eventLog.js'
import { systemIds } from '../runtime/systemIds.js'
import { byStream } from './pages.js'
import { type ChainSource, type ChainTarget, type Head, isProcessStream, type Uncovered } from './sides.js'

const BLOBS_FOLDER = 'blobs'

const openBlobs = async (directory: string): Promise<BlobStore> => {
  const opened = await openBlobFiles(directory, BLOBS_FOLDER)
  if (isLeft(opened)) throw new ChainFault('unavailable', `the blobs beside ${directory} cannot be used`)
  return opened.right
}

export const directorySource = async (directory: string): Promise<ChainSource> => {
  const segments = await ChainedSegments.open(directory)
  return {
    place: directory,
    kind: 'directory',
    batches: async function* () {
      yield* (await ChainedSegments.open(directory)).batches()
    },
    truncated: () => segments.truncated(),
    ...(existsSync(join(directory, BLOBS_FOLDER)) ? { blob: blobFrom(await openBlobs(directory)) } : {}),
    close: async () => undefined,
  }
}

export const directoryTarget = async (directory: string, segmentBytes?: number): Promise<ChainTarget> => {
  const opened = await openEmbeddedLog({ directory, ...(segmentBytes === undefined ? {} : { segmentBytes }) })
  if (isLeft(opened)) {
    const { left: fault } = opened
    const kinds = {
      DirectoryLocked: 'conflict',
      ForeignDirectory: 'refused',
      LogCorrupt: 'damaged',
      LogUnavailable: 'unavailable',
    } as const
    const who = ' (a server, or another command that writes)'
    const { type, reason } = fault
    throw new ChainFault(kinds[type], `${directory}: ${reason}${type === 'DirectoryLocked' ? who : ''}`)
  }
  try {
    return new DirectoryTarget(directory, opened.right, await knownIn(directory)).asTarget()
  } catch (error) {
    await opened.right.close()
    throw error
  }
}

type Known = Readonly<{ heads: Map<string, Head>; first: ChainedBatch | undefined }>

/** What is there is read whole: it says how far each stream has come. */
const knownIn = async (directory: string): Promise<Known> => {
  const heads = new Map<string, Head>()
  let first: ChainedBatch | undefined
  for await (const batch of (await ChainedSegments.open(directory)).batches()) {
    if (first === undefined && !isProcessStream(batch.stream))
      first = { ...batch, bytes: batch.bytes.slice() }
    heads.set(batch.stream, { revision: lastRevisionOf(batch), digest: batch.digest, begun: 0 })
  }
  return { heads, first }
}

const looking = (
  directory: string,
  { heads, first }: Known,
): Pick<ChainTarget, 'place' | 'kind' | 'head' | 'firstBatch' | 'blobs'> => ({
  place: directory,
  kind: 'directory',
  head: async (stream) => heads.get(stream),
  firstBatch: async () => first,
  blobs: blobsTo(directory),
})

/** Without the lock, for a dry run. Rejects as not found where there is no ledger. */
export const directoryToLook = async (directory: string): Promise<ChainTarget> => {
  const refused = async (): Promise<never> => {
    throw new ChainFault('refused', `${directory} was opened to be looked at`)
  }
  const known = await knownIn(directory)
  return {
    ...looking(directory, known),
    write: refused,
    note: refused,
    finish: refused,
    close: async () => undefined,
  }
}

class DirectoryTarget {
  constructor(
    private readonly directory: string,
    private readonly log: EventLog,
    private readonly known: Known,
  ) {}

  asTarget(): ChainTarget {
    return {
      ...looking(this.directory, this.known),
      write: (batches) => this.write(batches),
      note: (uncovered) => this.note(uncovered),
      finish: async ({ uncovered, written }) => {
        if (written > 0) await this.note(uncovered)
        await this.log.close()
        return directorySource(this.directory)
      },
      close: () => this.log.close(),
    }
  }

  /** Streams go side by side: their batches share a sync. */
  private async write(batches: ReadonlyArray<ChainedBatch>): Promise<void> {
    const ends = await Promise.allSettled([...byStream(batches).values()].map((own) => this.writeStream(own)))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  private async writeStream(batches: ReadonlyArray<ChainedBatch>): Promise<void> {
    for (const batch of batches) {
      const { stream, firstRevision, bytes, digest } = batch
      const decoded = decodeBatch(bytes)
      if (isLeft(decoded))
        throw new ChainFault(
          'damaged',
          `${stream}, revision ${firstRevision}: not a batch (${decoded.left.type})`,
        )
      const appended = await this.log.append(stream, firstRevision - 1, {
        ...decoded.right,
        recordedBytes: bytes,
      })()
      if (isLeft(appended)) throw faultOf(stream, appended.left)
      this.known.heads.set(stream, { revision: appended.right.lastRevision, digest, begun: 0 })
    }
  }

  private async note(uncovered: Uncovered): Promise<void> {
    for (const [stream, first] of uncovered) await this.noteFollowUps(stream, first)
  }

  private async noteFollowUps(stream: string, first: ReadonlyMap<string, number>): Promise<void> {
    let position = this.log.condition().nextPosition
    for (const [of, revision] of first) {
      const page = await this.log.read(of, revision, 1)()
      if (isLeft(page)) throw new ChainFault('unavailable', `${of} cannot be read back: ${page.left.type}`)
      position = Math.min(position, page.right.batches[0]?.position ?? 0)
    }
    const head = await this.log.head(stream)()
    if (isLeft(head)) throw new ChainFault('unavailable', `${stream} cannot be read: ${head.left.type}`)
    const last = head.right === NO_REVISION ? undefined : await this.log.read(stream, head.right, 1)()
    const [before] = last !== undefined && last._tag === 'Right' ? last.right.batches : []
    const known = before?.events.at(-1)
    if (known?.type === 'FollowUpsDone' && known.position >= position) return
    const appended = await this.log.append(stream, head.right, {
      batchId: systemIds.unique(),
      at: Math.max(Date.now(), before?.at ?? 0),
      epoch: 0,
      events: [{ type: 'FollowUpsDone', position }],
      previous: [NO_REVISION],
    })()
    if (isLeft(appended)) throw faultOf(stream, appended.left)
  }
}

const faultOf = (stream: string, fault: AppendFault): ChainFault => {
  switch (fault.type) {
    case 'RevisionConflict':
      return new ChainFault(
        'conflict',
        `${stream} ends at revision ${fault.actual} now, and ${fault.expected} was expected: somebody else writes to it`,
      )
    case 'BatchTooLarge':
      return new ChainFault(
        'refused',
        `${stream}: a batch of ${fault.bytes} bytes; this log takes ${fault.bytesMax}`,
      )
    case 'LogFull':
      return new ChainFault(
        'unavailable',
        `no room: ${fault.neededBytes} bytes needed, ${fault.freeBytes} free`,
      )
    case 'LogStopped':
    case 'LogUnavailable':
    case 'OutcomeUnknown':
      return new ChainFault('unavailable', fault.reason)
  }
}

const blobFrom =
  (store: BlobStore): NonNullable<ChainSource['blob']> =>
  async (ref) => {
    const found = await store.get(ref)()
    if (!isLeft(found)) return found.right
    if (found.left.type === 'BlobMissing') return undefined
    const kind = found.left.type === 'BlobUnavailable' ? 'unavailable' : 'damaged'
    throw new ChainFault(kind, `the large payload ${ref.location} cannot be read: ${found.left.type}`)
  }

/** The folder is made only when there is something to put there. */
const blobsTo = (directory: string): NonNullable<ChainTarget['blobs']> => {
  let opened: Promise<BlobStore> | undefined
  const store = (): Promise<BlobStore> => {
    opened ??= openBlobs(directory)
    return opened
  }
  return {
    has: async (ref) => {
      const isThere = existsSync(join(directory, BLOBS_FOLDER))
      return isThere && (await (await store()).get(ref)())._tag === 'Right'
    },
    put: async (ref, bytes) => {
      const put = await (await store()).put(bytes)()
      if (isLeft(put))
        throw new ChainFault('unavailable', `a large payload cannot be put down: ${put.left.type}`)
      if (put.right.location !== ref.location)
        throw new ChainFault('damaged', `the large payload ${ref.location} is not what its name says`)
    },
  }
}
