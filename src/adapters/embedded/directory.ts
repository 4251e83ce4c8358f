// The ledger's directory and its two small files. `meta.json` says whose it is and in which format; `marks.json` says what
// was truncated: the low mark of each stream, and how the chain goes on over segments that were dropped. Both carry a
// checksum and are replaced as a whole (write aside, sync, rename, sync the directory), never changed in place.
//
//   lock  meta.json  marks.json  head  segments/0000000001.seg ...  snapshots/<stream>/<revision>.snap
import { dirname, join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { LogCorrupt } from '../../ports/eventLog.js'
import { codeOf, corrupt, type ForeignDirectory, reasonOf } from './errors.js'
import { ensureFolder, type Files, readFile, realFiles, writeWhole } from './files.js'
import { FORMAT_VERSION, firstPlace, LEDGER_ID_BYTES, type LedgerId, sha256 } from './frames.js'
import { firstHeadFile, HEAD_FILE } from './headMark.js'
import { SEGMENT_HEADER_BYTES } from './segments.js'

export const LOCK_FILE = 'lock'
const META_FILE = 'meta.json'
const MARKS_FILE = 'marks.json'
export const SEGMENTS_FOLDER = 'segments'
export const SNAPSHOTS_FOLDER = 'snapshots'
const FORMAT_NAME = 'ledgerq-log'

/** What a directory may hold before it is a ledger: traces of a first start that was interrupted, and of mount points. */
const BEFORE_BIRTH = new Set([LOCK_FILE, HEAD_FILE, SEGMENTS_FOLDER, SNAPSHOTS_FOLDER, 'lost+found'])

const MetaCodec = t.strict({ format: t.literal(FORMAT_NAME), version: t.number, ledgerId: t.string })
const MarksCodec = t.strict({
  streams: t.record(t.string, t.strict({ lowMark: t.number, head: t.number, digest: t.string })),
  /** One entry for each run of dropped segments `from` to `through`: where the chain goes on in the one after. */
  dropped: t.array(
    t.strict({
      from: t.number,
      through: t.number,
      nextFrame: t.number,
      nextPosition: t.number,
      lastHash: t.string,
    }),
  ),
})
export type Marks = t.TypeOf<typeof MarksCodec>
export type DroppedRun = Marks['dropped'][number]
export const NO_MARKS: Marks = { streams: {}, dropped: [] }

/**
 * A head that the marks name was durable when they were written. Below its low mark it may be gone with its segment; any
 * other one that is not found, `lastFound` being the last revision of a stream in the segments, has been lost since.
 */
export const lostHead = (
  marks: Marks,
  lastFound: (stream: string) => number,
): Readonly<{ stream: string; revision: number; reason: string }> | undefined => {
  for (const [stream, { lowMark, head }] of Object.entries(marks.streams)) {
    if (head < lowMark || lastFound(stream) >= head) continue
    const reason = `the log ends before revision ${head} of ${stream}, which was durable once`
    return { stream, revision: head, reason }
  }
  return undefined
}

type SmallFile = 'missing' | 'damaged' | Readonly<{ content: unknown }>

const checksumOf = (content: unknown): string =>
  Buffer.from(sha256(Buffer.from(JSON.stringify(content)))).toString('hex')

const readChecked = async (files: Files, path: string): Promise<SmallFile> => {
  let text: string
  try {
    text = (await readFile(files, path)).toString('utf8')
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return 'missing'
    throw cause
  }
  try {
    const whole: unknown = JSON.parse(text)
    if (typeof whole !== 'object' || whole === null || !('content' in whole) || !('sha256' in whole))
      return 'damaged'
    return checksumOf(whole.content) === whole.sha256 ? { content: whole.content } : 'damaged'
  } catch {
    return 'damaged'
  }
}

const replaceFile = async (
  files: Files,
  directory: string,
  name: string,
  bytes: Uint8Array,
): Promise<void> => {
  const unfinished = join(directory, `${name}.tmp`)
  const file = await files.open(unfinished, 'new')
  try {
    await writeWhole(file, bytes, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await files.rename(unfinished, join(directory, name))
  await files.syncFolder(directory)
}

const writeChecked = (files: Files, directory: string, name: string, content: unknown): Promise<void> => {
  const text = `${JSON.stringify({ content, sha256: checksumOf(content) })}\n`
  return replaceFile(files, directory, name, Buffer.from(text, 'utf8'))
}

const foreign = (directory: string, reason: string): ForeignDirectory => ({
  type: 'ForeignDirectory',
  directory,
  reason,
})

const ledgerIdOf = (text: string): LedgerId | undefined => {
  const id = Buffer.from(text, 'hex')
  return id.length === LEDGER_ID_BYTES ? id : undefined
}

const namesIn = (files: Files, folder: string): Promise<ReadonlyArray<string>> =>
  files.list(folder).catch((cause: unknown) => {
    if (codeOf(cause) === 'ENOENT') return []
    throw cause
  })

type Identity = E.Either<ForeignDirectory | LogCorrupt, LedgerId | 'new'>

/** Whose directory this is, without changing anything in it; `new`: nobody's yet. */
export const identify = async (directory: string, files: Files = realFiles): Promise<Identity> => {
  const meta = await readChecked(files, join(directory, META_FILE))
  if (meta === 'damaged')
    return E.left(corrupt(join(directory, META_FILE), 0, 'the checksum does not hold, or it is not a ledger'))
  if (meta === 'missing') {
    const names = await namesIn(files, directory)
    const strange = names.find(
      (name) => !BEFORE_BIRTH.has(name) && !name.endsWith('.tmp') && !name.startsWith(`${LOCK_FILE}-`),
    )
    if (strange !== undefined)
      return E.left(
        foreign(directory, `it holds "${strange}" and no ${META_FILE}: choose an empty directory`),
      )
    const segments = await namesIn(files, join(directory, SEGMENTS_FOLDER))
    if (segments.length > 0)
      return E.left(foreign(directory, `it holds segments and no ${META_FILE}, which says whose they are`))
    return E.right('new')
  }
  const decoded = MetaCodec.decode(meta.content)
  if (E.isLeft(decoded)) return E.left(foreign(directory, `${META_FILE} is not that of a ledger`))
  if (decoded.right.version !== FORMAT_VERSION)
    return E.left(
      foreign(
        directory,
        `format version ${decoded.right.version}; this program reads version ${FORMAT_VERSION}`,
      ),
    )
  const ledgerId = ledgerIdOf(decoded.right.ledgerId)
  return ledgerId === undefined ? E.left(foreign(directory, 'the ledger id is none')) : E.right(ledgerId)
}

/** Makes a ledger of an empty directory. `meta.json` comes last: with it, everything before it is there and durable. */
export const giveBirth = async (files: Files, directory: string, ledgerId: LedgerId): Promise<void> => {
  // Whoever made the directory may not have come to this.
  await files.syncFolder(dirname(directory))
  await ensureFolder(files, join(directory, SEGMENTS_FOLDER))
  await ensureFolder(files, join(directory, SNAPSHOTS_FOLDER))
  const mark = {
    frame: 0,
    nextPosition: 0,
    segment: 1,
    end: SEGMENT_HEADER_BYTES,
    hash: firstPlace(ledgerId).previousHash,
  }
  await replaceFile(files, directory, HEAD_FILE, firstHeadFile(ledgerId, mark))
  await writeChecked(files, directory, META_FILE, {
    format: FORMAT_NAME,
    version: FORMAT_VERSION,
    ledgerId: Buffer.from(ledgerId).toString('hex'),
  })
}

export const readMarks = async (files: Files, directory: string): Promise<E.Either<LogCorrupt, Marks>> => {
  const path = join(directory, MARKS_FILE)
  const file = await readChecked(files, path)
  if (file === 'missing') return E.right(NO_MARKS)
  if (file === 'damaged') return E.left(corrupt(path, 0, 'the checksum does not hold'))
  const decoded = MarksCodec.decode(file.content)
  return E.isLeft(decoded) ? E.left(corrupt(path, 0, 'not the marks of a ledger')) : E.right(decoded.right)
}

export const writeMarks = (files: Files, directory: string, marks: Marks): Promise<void> =>
  writeChecked(files, directory, MARKS_FILE, marks)

/**
 * From the first folder that is missing. Node's own recursive way does not end where a folder cannot be made although the
 * one above is there, as under /proc: it asks again for ever. Each new name is durable before anything is put below it.
 */
const makeFolders = async (files: Files, folder: string, isSecondTry = false): Promise<void> => {
  const above = dirname(folder)
  try {
    await files.makeFolder(folder)
  } catch (cause) {
    const code = codeOf(cause)
    if (code === 'EEXIST' && (await files.isFolder(folder))) return
    if (code !== 'ENOENT' || above === folder || isSecondTry) throw cause
    // Somebody else may have made it between our try and this look; where nothing can be made (/proc), the second try says so.
    if (!(await isThere(files, above))) await makeFolders(files, above)
    await makeFolders(files, folder, true)
    return
  }
  await files.syncFolder(above)
}

const isThere = async (files: Files, path: string): Promise<boolean> => {
  try {
    await files.isFolder(path)
    return true
  } catch {
    return false
  }
}

/** Creates the directory for its first use; a path that cannot be one is told in words. */
export const ensureDirectory = async (
  directory: string,
  files: Files = realFiles,
): Promise<E.Either<string, void>> => {
  try {
    await makeFolders(files, directory)
    return E.right(undefined)
  } catch (cause) {
    return E.left(reasonOf(cause))
  }
}
