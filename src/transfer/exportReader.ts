// Reads an export file record by record. Whatever is not as it was written is told with the byte at which it stands: a file that
// ends too early, a record that was changed, left out or moved (each hash covers all before it).
import { type FileHandle, open } from 'node:fs/promises'
import { ChainFault } from '../chain/chainedBatch.js'
import {
  FIRST_HASH,
  inflated,
  type Kind,
  openRecord,
  PREAMBLE_BYTES,
  preambleProblem,
  RECORD_HEADER_BYTES,
  recordHead,
} from './fileFormat.js'

export type ExportRecord = Readonly<{
  kind: Kind
  body: Buffer
  /** Where it begins and ends in the file. */
  offset: number
  end: number
  hash: Buffer
}>

/** The file ends within a record, as an export that was interrupted leaves it. */
export class TornExport extends ChainFault {
  constructor(
    path: string,
    readonly offset: number,
  ) {
    super(
      'damaged',
      `${path} ends in the middle of the record that begins at byte ${offset}: the export was interrupted, or the file is not whole`,
    )
  }
}

const openFile = async (path: string): Promise<FileHandle> => {
  try {
    return await open(path, 'r')
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new ChainFault(isMissing ? 'notFound' : 'unavailable', `${path} cannot be read: ${String(cause)}`)
  }
}

const readAt = async (file: FileHandle, bytes: number, offset: number): Promise<Buffer> => {
  const into = Buffer.allocUnsafe(bytes)
  let done = 0
  while (done < bytes) {
    const { bytesRead } = await file.read(into, done, bytes - done, offset + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return into.subarray(0, done)
}

export async function* readRecords(path: string): AsyncGenerator<ExportRecord> {
  const file = await openFile(path)
  try {
    const first = await readAt(file, PREAMBLE_BYTES, 0)
    const problem = preambleProblem(first)
    if (problem !== undefined) throw new ChainFault('refused', `${path}: ${problem}`)
    let hash: Buffer = FIRST_HASH
    for (let offset = PREAMBLE_BYTES; ; ) {
      const record = await readRecord(file, path, offset, hash)
      if (record === undefined) return
      yield record
      offset = record.end
      hash = record.hash
    }
  } finally {
    await file.close()
  }
}

const readRecord = async (
  file: FileHandle,
  path: string,
  offset: number,
  previousHash: Buffer,
): Promise<ExportRecord | undefined> => {
  const header = await readAt(file, RECORD_HEADER_BYTES, offset)
  if (header.length === 0) return undefined
  if (header.length < RECORD_HEADER_BYTES) throw new TornExport(path, offset)
  const altered = (): ChainFault =>
    new ChainFault(
      'damaged',
      `${path} at byte ${offset}: the record is not what was written there, or one before it is missing`,
    )
  const head = recordHead(header)
  if (head === undefined) throw altered()
  const stored = await readAt(file, head.bytes, offset + RECORD_HEADER_BYTES)
  if (stored.length < head.bytes) throw new TornExport(path, offset)
  const opened = openRecord(head, header, stored, previousHash)
  if (opened === undefined) throw altered()
  return { kind: head.kind, ...opened, offset, end: offset + RECORD_HEADER_BYTES + head.bytes }
}

/** Of one record whose place is known; its hash has been checked when the file was read. */
export const bodyAt = async (
  path: string,
  { offset, end, hash }: Omit<ExportRecord, 'body' | 'kind'>,
): Promise<Buffer> => {
  const file = await openFile(path)
  try {
    const bytes = await readAt(file, end - offset, offset)
    const header = bytes.subarray(0, RECORD_HEADER_BYTES)
    const head = bytes.length === end - offset ? recordHead(header) : undefined
    const isSame = head !== undefined && header.subarray(16).equals(hash)
    if (isSame) return inflated(head, bytes.subarray(RECORD_HEADER_BYTES))
    throw new ChainFault('damaged', `${path} at byte ${offset}: the file has changed meanwhile`)
  } finally {
    await file.close()
  }
}
