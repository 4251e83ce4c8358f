// Snapshots beside the log: the chunks of one in a stream of their own, and a manifest that names it once all of them were written
// and read back. The newest two are kept; the streams of older ones are deleted. A snapshot is a cache: whatever is wrong with it
// is told, and the reader falls back (I6).
import { createHash, randomUUID } from 'node:crypto'
import { left, right } from 'fp-ts/lib/Either.js'
import { NO_REVISION } from '../../../domain/batch.js'
import { isFields } from '../../../domain/storedFields.js'
import type { StoredSnapshot } from '../../ports/eventLog.js'
import type { StoreCalls } from './connection.js'
import { corrupt, unavailable } from './errors.js'
import type { FoundEvent } from './storedEvents.js'
import { JSON_CONTENT } from './storedEvents.js'

const SNAPSHOTS_KEPT = 2
/** Manifests that are looked at: the newest two of them by revision count. */
const MANIFESTS_MAX = 16
const BINARY_CONTENT = 'application/octet-stream'
const MANIFEST_TYPE = 'SnapshotSaved'
const CHUNK_TYPE = 'SnapshotChunk'

type Chunk = Readonly<{ pieces: number; sha256: string }>
type Manifest = Readonly<{ revision: number; stream: string; bytes: number; chunks: ReadonlyArray<Chunk> }>

const isChunk = (value: unknown): value is Chunk =>
  isFields(value) && Number.isSafeInteger(value.pieces) && typeof value.sha256 === 'string'

const manifestOf = ({ type, data }: FoundEvent): Manifest | undefined => {
  if (type !== MANIFEST_TYPE) return undefined
  let stored: unknown
  try {
    stored = JSON.parse(Buffer.from(data).toString('utf8'))
  } catch {
    return undefined
  }
  if (!isFields(stored)) return undefined
  const { revision, stream, bytes, chunks } = stored
  if (!Number.isSafeInteger(revision) || typeof stream !== 'string' || typeof bytes !== 'number')
    return undefined
  if (!Array.isArray(chunks) || !chunks.every(isChunk)) return undefined
  return { revision: revision as number, stream, bytes, chunks }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export class Snapshots {
  constructor(
    private readonly connection: StoreCalls,
    /** What stands before the names of these streams; it is not the prefix of the ledger's own. */
    private readonly prefix: string,
    private readonly pieceBytes: number,
  ) {}

  private manifestStream(stream: string): string {
    return `${this.prefix}manifest-${stream}`
  }

  async save(stream: string, revision: number, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const chunkStream = `${this.prefix}chunks-${stream}~${revision}.${randomUUID()}`
    const manifest = await this.writeChunks(chunkStream, revision, chunks)
    const stored = this.stored(manifest)
    for (let chunk = 0; chunk < manifest.chunks.length; chunk++) {
      const read = await stored.read(chunk)()
      if (read._tag === 'Left') throw new Error(`the snapshot that was just written cannot be read back`)
    }
    await this.appendOne(this.manifestStream(stream), MANIFEST_TYPE, JSON_CONTENT, JSON.stringify(manifest))
    await this.dropOld(stream)
  }

  private async writeChunks(
    stream: string,
    revision: number,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<Manifest> {
    const written: Chunk[] = []
    let bytes = 0
    let next = NO_REVISION
    for await (const chunk of chunks) {
      const pieces = Math.max(1, Math.ceil(chunk.length / this.pieceBytes))
      for (let piece = 0; piece < pieces; piece++) {
        const part = chunk.slice(piece * this.pieceBytes, (piece + 1) * this.pieceBytes)
        const answer = await this.connection.append(stream, next, [
          { id: randomUUID(), type: CHUNK_TYPE, contentType: BINARY_CONTENT, data: part, metadata: EMPTY },
        ])
        if (answer.outcome === 'conflict') throw new Error('somebody else writes to this snapshot')
        next = answer.lastRevision
      }
      written.push({ pieces, sha256: sha256(chunk) })
      bytes += chunk.length
    }
    return { revision, stream, bytes, chunks: written }
  }

  private async appendOne(stream: string, type: string, contentType: string, text: string): Promise<void> {
    const last = (await this.newest(stream, 1))[0]
    const answer = await this.connection.append(stream, last?.revision ?? NO_REVISION, [
      { id: randomUUID(), type, contentType, data: Buffer.from(text), metadata: EMPTY },
    ])
    if (answer.outcome === 'conflict') throw new Error('somebody else takes a snapshot of the same stream')
  }

  private async newest(stream: string, count: number): Promise<FoundEvent[]> {
    const events: FoundEvent[] = []
    await this.connection.read({ stream, from: 'end', isBackward: true, count }, (event) => {
      events.push(event)
      return true
    })
    return events
  }

  /** Newest first; of one revision the one that was written last. */
  private async manifests(stream: string): Promise<Manifest[]> {
    const found: Manifest[] = []
    for (const event of await this.newest(this.manifestStream(stream), MANIFESTS_MAX)) {
      const manifest = manifestOf(event)
      if (manifest !== undefined) found.push(manifest)
    }
    return found
  }

  private kept(manifests: ReadonlyArray<Manifest>): Manifest[] {
    const byRevision = new Map<number, Manifest>()
    for (const manifest of manifests)
      if (!byRevision.has(manifest.revision)) byRevision.set(manifest.revision, manifest)
    return [...byRevision.values()].sort((a, b) => b.revision - a.revision).slice(0, SNAPSHOTS_KEPT)
  }

  /** What cannot be deleted now costs room, and nothing else. */
  private async dropOld(stream: string): Promise<void> {
    const manifests = await this.manifests(stream)
    const kept = new Set(this.kept(manifests))
    for (const manifest of manifests) {
      if (kept.has(manifest) || !(await this.hasEvents(manifest.stream))) continue
      await this.connection.delete(manifest.stream).catch(() => undefined)
    }
  }

  private async hasEvents(stream: string): Promise<boolean> {
    return (await this.newest(stream, 1)).length > 0
  }

  async list(stream: string): Promise<StoredSnapshot[]> {
    return this.kept(await this.manifests(stream)).map((manifest) => this.stored(manifest))
  }

  private stored({ revision, stream, bytes, chunks }: Manifest): StoredSnapshot {
    const read: StoredSnapshot['read'] = (number) => async () => {
      const chunk = chunks[number]
      if (chunk === undefined) return right(undefined)
      const from = chunks.slice(0, number).reduce((sum, { pieces }) => sum + pieces, 0)
      const parts: Uint8Array[] = []
      try {
        await this.connection.read({ stream, from, count: chunk.pieces }, ({ data }) => {
          parts.push(data)
          return true
        })
      } catch (error) {
        return left(unavailable(error))
      }
      const whole = Buffer.concat(parts)
      return parts.length === chunk.pieces && sha256(whole) === chunk.sha256
        ? right(whole)
        : left(corrupt(stream, from, `chunk ${number} of a snapshot is not what was written`))
    }
    return { revision, bytes, read }
  }
}

const EMPTY = new Uint8Array(0)
