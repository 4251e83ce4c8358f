// Snapshots on disk: a cache beside the log (I6). One file each, in a folder per stream; written aside, synced, read back
// and checked, then renamed into place; only then older ones go. What a killed process left half written goes before the
// next one is written, so that it never takes the room for it. Layout, integers little endian:
//
//   chunks     u32 bytes, u32 CRC-32, bytes; one after the other
//   manifest   JSON: format, version, ledger, stream, revision, chunks (offset and bytes each), SHA-256 over all before it
//   last 12 B  u32 bytes of the manifest, u32 CRC-32 of the manifest, "LQSN"
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { ReadFault, StoredSnapshot } from '../../ports/eventLog.js'
import { codeOf, corrupt, unavailable } from './errors.js'
import { ensureFolder, type Files, type OpenFile, readWhole, writeWhole } from './files.js'
import type { LedgerId } from './frames.js'

const SNAPSHOTS_KEPT = 2
/** Saves one after the other may remove files under a listing again and again. */
const LISTINGS_MAX = 5
const MAGIC = Buffer.from('LQSN', 'latin1')
const CHUNK_HEADER_BYTES = 8
const FOOTER_BYTES = 12
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024
const VERSION = 2
const NAME = /^(\d{16})\.snap$/
const UNFINISHED_ENDING = '.snap.tmp'

const ManifestCodec = t.strict({
  format: t.literal('ledgerq-snapshot'),
  version: t.literal(VERSION),
  /** Its id in hexadecimal digits: streams of different ledgers have the same names. */
  ledger: t.string,
  stream: t.string,
  revision: t.number,
  bytes: t.number,
  sha256: t.string,
  chunks: t.array(t.tuple([t.number, t.number])),
})
type Manifest = t.TypeOf<typeof ManifestCodec>

const folderName = (stream: string): string => encodeURIComponent(stream).replaceAll('.', '%2E')
const fileName = (revision: number): string => `${String(revision).padStart(16, '0')}.snap`

export class SnapshotStore {
  /** Files that are being written now. */
  private readonly unfinished = new Set<string>()

  private readonly ledger: string

  constructor(
    private readonly files: Files,
    private readonly folder: string,
    ledgerId: LedgerId,
  ) {
    this.ledger = Buffer.from(ledgerId).toString('hex')
  }

  async save(
    stream: string,
    revision: number,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<E.Either<ReadFault, void>> {
    const { files } = this
    const folder = join(this.folder, folderName(stream))
    const path = join(folder, fileName(revision))
    const unfinished = `${path}.tmp`
    this.unfinished.add(unfinished)
    try {
      await ensureFolder(files, folder)
      await files.syncFolder(this.folder)
      await this.removeLeftovers(folder)
      await writeSnapshot(files, unfinished, { ledger: this.ledger, stream, revision }, chunks)
      const problem = await problemOf(files, unfinished)
      if (problem !== undefined) {
        await files.remove(unfinished)
        return E.left(corrupt(path, 0, `read back after writing: ${problem}`, { stream, revision }))
      }
      await files.rename(unfinished, path)
      await files.syncFolder(folder)
      await this.removeOld(stream, folder)
      return E.right(undefined)
    } catch (cause) {
      await files.remove(unfinished).catch(() => {})
      return E.left(unavailable(cause))
    } finally {
      this.unfinished.delete(unfinished)
    }
  }

  /** What is no snapshot of ours does not count as one that is kept: it would push out the new one. */
  private async removeOld(stream: string, folder: string): Promise<void> {
    // What another save brings meanwhile is not among them, and not judged.
    const revisions = await revisionsIn(this.files, folder)
    const sound = (await this.soundOf(revisions, stream, folder, true)) ?? []
    const kept = new Set(sound.slice(0, SNAPSHOTS_KEPT).map(({ revision }) => revision))
    for (const revision of revisions)
      if (!kept.has(revision)) await this.files.remove(join(folder, fileName(revision)))
  }

  private async removeLeftovers(folder: string): Promise<void> {
    for (const name of await this.files.list(folder)) {
      const path = join(folder, name)
      if (name.endsWith(UNFINISHED_ENDING) && !this.unfinished.has(path)) await this.files.remove(path)
    }
  }

  /** Those whose manifest holds, newest first; chunks are checked when they are read. */
  async list(stream: string): Promise<E.Either<ReadFault, ReadonlyArray<StoredSnapshot>>> {
    const folder = join(this.folder, folderName(stream))
    try {
      for (let tries = 1; ; tries++) {
        const revisions = await revisionsIn(this.files, folder)
        const found = await this.soundOf(revisions, stream, folder, tries === LISTINGS_MAX)
        if (found !== undefined) return E.right(found)
      }
    } catch (cause) {
      return E.left(unavailable(cause))
    }
  }

  /** Undefined: a save removed one of them meanwhile, and there is a newer one to be found. */
  private async soundOf(
    revisions: ReadonlyArray<number>,
    stream: string,
    folder: string,
    takesWhatIsLeft: boolean,
  ): Promise<ReadonlyArray<StoredSnapshot> | undefined> {
    const found: StoredSnapshot[] = []
    for (const revision of revisions) {
      const path = join(folder, fileName(revision))
      const manifest = await readManifest(this.files, path).catch((cause: unknown) => {
        if (codeOf(cause) === 'ENOENT') return undefined
        throw cause
      })
      if (manifest === undefined && !takesWhatIsLeft) return undefined
      if (typeof manifest !== 'object' || manifest.revision !== revision) continue
      if (manifest.ledger !== this.ledger || manifest.stream !== stream) continue
      found.push(storedSnapshot(this.files, path, manifest))
    }
    return found
  }
}

const revisionsIn = async (files: Files, folder: string): Promise<ReadonlyArray<number>> => {
  const names = await files.list(folder).catch((cause: unknown) => {
    if (codeOf(cause) === 'ENOENT') return []
    throw cause
  })
  return names
    .map((name) => Number(NAME.exec(name)?.[1] ?? Number.NaN))
    .filter((revision) => Number.isSafeInteger(revision))
    .sort((a, b) => b - a)
}

const writeSnapshot = async (
  files: Files,
  path: string,
  of: Pick<Manifest, 'ledger' | 'stream' | 'revision'>,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> => {
  const file = await files.open(path, 'new')
  try {
    const total = createHash('sha256')
    const places: Array<[number, number]> = []
    let at = 0
    for await (const chunk of chunks) {
      const header = Buffer.alloc(CHUNK_HEADER_BYTES)
      header.writeUInt32LE(chunk.length, 0)
      header.writeUInt32LE(crc32(chunk), 4)
      total.update(header).update(chunk)
      await writeWhole(file, header, at)
      await writeWhole(file, chunk, at + CHUNK_HEADER_BYTES)
      places.push([at, chunk.length])
      at += CHUNK_HEADER_BYTES + chunk.length
    }
    const manifest: Manifest = {
      format: 'ledgerq-snapshot',
      version: VERSION,
      ledger: of.ledger,
      stream: of.stream,
      revision: of.revision,
      bytes: at,
      sha256: total.digest('hex'),
      chunks: places,
    }
    const text = Buffer.from(JSON.stringify(manifest), 'utf8')
    const footer = Buffer.alloc(FOOTER_BYTES)
    footer.writeUInt32LE(text.length, 0)
    footer.writeUInt32LE(crc32(text), 4)
    MAGIC.copy(footer, 8)
    await writeWhole(file, Buffer.concat([text, footer]), at)
    await file.sync()
  } finally {
    await file.close()
  }
}

const readExactly = async (file: OpenFile, bytes: number, offset: number): Promise<Buffer | undefined> => {
  const into = Buffer.alloc(bytes)
  return (await readWhole(file, into, offset)) === bytes ? into : undefined
}

/** The manifest, or what is wrong with it. */
const readManifest = async (files: Files, path: string): Promise<Manifest | string> => {
  const file = await files.open(path, 'read')
  try {
    const size = await file.size()
    const footer =
      size < FOOTER_BYTES ? undefined : await readExactly(file, FOOTER_BYTES, size - FOOTER_BYTES)
    if (footer === undefined || !footer.subarray(8).equals(MAGIC)) return 'no end mark'
    const length = footer.readUInt32LE(0)
    if (length > MANIFEST_BYTES_MAX || length + FOOTER_BYTES > size) return 'the manifest does not fit'
    const text = await readExactly(file, length, size - FOOTER_BYTES - length)
    if (text === undefined || crc32(text) !== footer.readUInt32LE(4))
      return 'the checksum of the manifest does not hold'
    const decoded = ManifestCodec.decode(JSON.parse(text.toString('utf8')))
    return E.isRight(decoded) ? decoded.right : 'a manifest of another form'
  } finally {
    await file.close()
  }
}

const readChunk = async (file: OpenFile, offset: number, bytes: number): Promise<Buffer | undefined> => {
  const record = await readExactly(file, CHUNK_HEADER_BYTES + bytes, offset)
  if (record === undefined || record.readUInt32LE(0) !== bytes) return undefined
  const chunk = record.subarray(CHUNK_HEADER_BYTES)
  return crc32(chunk) === record.readUInt32LE(4) ? record : undefined
}

/** Reads everything back: what is wrong with it, or undefined. */
const problemOf = async (files: Files, path: string): Promise<string | undefined> => {
  const manifest = await readManifest(files, path)
  if (typeof manifest === 'string') return manifest
  const file = await files.open(path, 'read')
  try {
    const total = createHash('sha256')
    for (const [offset, bytes] of manifest.chunks) {
      const record = await readChunk(file, offset, bytes)
      if (record === undefined) return `the chunk at offset ${offset} does not hold`
      total.update(record)
    }
    return total.digest('hex') === manifest.sha256 ? undefined : 'the total hash does not hold'
  } finally {
    await file.close()
  }
}

const storedSnapshot = (files: Files, path: string, manifest: Manifest): StoredSnapshot => ({
  revision: manifest.revision,
  bytes: manifest.bytes,
  read: (chunk) => async () => {
    const place = manifest.chunks[chunk]
    if (place === undefined) return E.right(undefined)
    const [offset, bytes] = place
    try {
      const file = await files.open(path, 'read')
      try {
        const record = await readChunk(file, offset, bytes)
        if (record !== undefined) return E.right(record.subarray(CHUNK_HEADER_BYTES))
        const where = { stream: manifest.stream, revision: manifest.revision }
        return E.left(corrupt(path, offset, `chunk ${chunk} does not hold`, where))
      } finally {
        await file.close()
      }
    } catch (cause) {
      return E.left(unavailable(cause))
    }
  },
})
