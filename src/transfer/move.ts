// Moves a ledger from one store to another, or what is missing there: the source is read once and proved before anything is
// written, the target has to be the same ledger at an earlier point, and at the end it is read back and has to be equal: every
// stream's chain, and the state that every partition replays to. Whatever ends a move early, the same move again goes on: what
// the target holds says where, and an append that was made is not made again (expected revisions).
import { type ChainedBatch, ChainFault, lastRevisionOf } from '../chain/chainedBatch.js'
import { PAGE_BATCHES, PAGE_BYTES } from './pages.js'
import { type ChainSource, type ChainTarget, type Head, isProcessStream } from './sides.js'
import { difference, headsOf, type Survey, saidOtherwise, survey } from './survey.js'

export type MovePhase = 'source' | 'payloads' | 'copy' | 'target'

export type MoveOptions = Readonly<{
  signal: AbortSignal
  /** `of` 0 = not known yet. */
  onProgress?: (phase: MovePhase, events: number, of: number) => void
  /** Nothing is written. */
  dryRun?: boolean
  /** Messages keep the names of their large payloads, and the payloads stay behind. */
  withoutBlobs?: boolean
  /** `heads`: what the target holds is believed to be what its digests say. Default `full`. */
  verify?: 'full' | 'heads'
  /** What is written before more is read. */
  pageBytes?: number
}>

export type Moved = Readonly<{
  streams: ReadonlyArray<Readonly<{ stream: string; head: number; digest: string }>>
  /** Of the whole ledger, and of those what was written now. */
  events: number
  written: number
  batches: number
  bytes: number
  partitions: number
  blobs: number
  blobsLeftBehind: number
  verified: 'full' | 'heads' | 'no'
}>

/** Rejects with a ChainFault, or with the signal's reason. */
export const move = async (
  source: ChainSource,
  target: ChainTarget,
  options: MoveOptions,
): Promise<Moved> => {
  const { signal, onProgress = () => undefined } = options
  const meeting = new Meeting(target)
  const found = await survey(source, {
    signal,
    onProgress: (events) => onProgress('source', events, 0),
    onBatch: (batch) => meeting.pass(batch),
  })
  const otherwise = source.said === undefined ? undefined : saidOtherwise(source.said, found)
  if (otherwise !== undefined) throw new ChainFault('damaged', `${source.place}: ${otherwise}`)
  await meeting.end(found)
  const blobsLeftBehind = await missingBlobs(source, target, found, options.withoutBlobs === true)
  const { streams, states, uncovered, ...counts } = found
  const moved = {
    ...counts,
    streams: headsOf(found),
    partitions: states.size,
    blobs: found.blobs.size,
    blobsLeftBehind,
  }
  if (options.dryRun === true)
    return { ...moved, written: found.events - meeting.eventsThere, verified: 'no' }
  await copyBlobs(source, target, found, options)
  const written = await new Copy(source, target, found, options).run()
  const readBack = await target.finish({
    written,
    uncovered,
    streams: moved.streams,
    states: Object.fromEntries(states),
    events: found.events,
  })
  return { ...moved, written, verified: await verified(found, readBack, target, options) }
}

/** What both sides have of a stream has to be the same. */
class Meeting {
  private readonly heads = new Map<string, Head | undefined>()
  private readonly met = new Set<string>()
  private first: ChainedBatch | undefined
  private isFirst = true
  eventsThere = 0

  constructor(private readonly target: ChainTarget) {}

  async pass(batch: ChainedBatch): Promise<void> {
    if (this.isFirst) {
      this.isFirst = false
      this.first = await this.target.firstBatch()
    }
    const { stream } = batch
    this.sameBeginning(batch)
    if (!this.heads.has(stream)) this.heads.set(stream, await this.target.head(stream))
    const head = this.heads.get(stream)
    if (head === undefined) return
    const last = lastRevisionOf(batch)
    if (last <= head.revision) this.eventsThere += batch.events
    if (last === head.revision) {
      if (Buffer.compare(batch.digest, head.digest) !== 0) throw this.another(stream, last)
      this.met.add(stream)
    } else if (batch.firstRevision <= head.revision && head.revision < last) throw this.another(stream, last)
  }

  /** The first batch of a ledger is its birth: nobody else has it. */
  private sameBeginning(batch: ChainedBatch): void {
    const { first } = this
    if (first === undefined || first.stream !== batch.stream || first.firstRevision !== batch.firstRevision)
      return
    if (Buffer.compare(first.digest, batch.digest) !== 0)
      throw this.another(batch.stream, batch.firstRevision)
    this.first = undefined
  }

  private another(stream: string, revision: number): ChainFault {
    return new ChainFault(
      'conflict',
      `${this.target.place} holds another ledger, or has moved on by itself: up to revision ${revision} of ${stream} it is not what the source has. Nothing was written`,
    )
  }

  async end({ streams }: Survey): Promise<void> {
    if (this.isFirst) this.first = await this.target.firstBatch()
    if (this.first !== undefined) throw this.another(this.first.stream, this.first.firstRevision)
    for (const [stream, head] of this.heads) {
      if (head === undefined || head.revision < 0 || this.met.has(stream)) continue
      const source = streams.get(stream)?.head ?? -1
      throw new ChainFault(
        'conflict',
        `${this.target.place} has moved on by itself: ${stream} ends at revision ${head.revision} there, and at ${source} in the source. Nothing was written`,
      )
    }
  }
}

const missingBlobs = async (
  source: ChainSource,
  target: ChainTarget,
  { blobs }: Survey,
  isAllowed: boolean,
): Promise<number> => {
  if (blobs.size === 0) return 0
  const [sample] = blobs.keys()
  const problem =
    source.blob === undefined
      ? `they do not lie beside ${source.place}`
      : target.blobs === undefined
        ? `${target.place} has no place for them`
        : undefined
  if (problem === undefined) return 0
  if (isAllowed) return blobs.size
  throw new ChainFault(
    'refused',
    `${blobs.size} large payloads cannot be moved: ${problem} (${sample} is one). With --without-blobs their messages are moved, and the payloads stay behind`,
  )
}

const copyBlobs = async (
  source: ChainSource,
  target: ChainTarget,
  { blobs }: Survey,
  { signal, onProgress = () => undefined, withoutBlobs = false }: MoveOptions,
): Promise<void> => {
  const { blob: from } = source
  const { blobs: to } = target
  if (from === undefined || to === undefined) return
  let done = 0
  for (const ref of blobs.values()) {
    signal.throwIfAborted()
    onProgress('payloads', done++, blobs.size)
    if (await to.has(ref)) continue
    const bytes = await from(ref)
    if (bytes !== undefined) await to.put(ref, bytes)
    else if (!withoutBlobs)
      throw new ChainFault(
        'refused',
        `the large payload ${ref.location} (${ref.bytes} bytes) is missing beside ${source.place}. With --without-blobs its messages are moved all the same`,
      )
  }
}

/** Page by page, as far as the survey went; a ledger that is in use goes on meanwhile. */
class Copy {
  private page: ChainedBatch[] = []
  private pageBytes = 0
  private written = 0

  constructor(
    private readonly source: ChainSource,
    private readonly target: ChainTarget,
    private readonly found: Survey,
    private readonly options: MoveOptions,
  ) {}

  async run(): Promise<number> {
    const { source, target, found } = this
    const { pageBytes: pageBytesMax = PAGE_BYTES } = this.options
    for await (const batch of source.batches()) {
      const { stream } = batch
      const last = lastRevisionOf(batch)
      if (isProcessStream(stream) || last > (found.streams.get(stream)?.head ?? -1)) continue
      if (last <= ((await target.head(stream))?.revision ?? -1)) continue
      this.page.push(batch)
      this.pageBytes += batch.bytes.length
      if (this.pageBytes >= pageBytesMax || this.page.length >= PAGE_BATCHES) await this.flush()
    }
    await this.flush()
    return this.written
  }

  private async flush(): Promise<void> {
    const { signal, onProgress = () => undefined } = this.options
    signal.throwIfAborted()
    await this.target.write(this.page)
    for (const { events } of this.page) this.written += events
    this.page = []
    this.pageBytes = 0
    onProgress('copy', this.written, this.found.events)
  }
}

const verified = async (
  found: Survey,
  readBack: ChainSource | undefined,
  target: ChainTarget,
  { signal, onProgress = () => undefined, verify = 'full' }: MoveOptions,
): Promise<Moved['verified']> => {
  if (readBack === undefined) return 'no'
  try {
    if (verify === 'heads') {
      for (const [stream, { head, digest }] of found.streams) {
        const there = await target.head(stream)
        if (there?.revision !== head || Buffer.compare(there.digest, digest) !== 0)
          throw unequal(`${stream} ends otherwise`)
      }
      return 'heads'
    }
    const there = await survey(readBack, {
      signal,
      onProgress: (events) => onProgress('target', events, found.events),
    })
    const problem = difference(found, there)
    if (problem !== undefined) throw unequal(problem)
    return 'full'
  } finally {
    await readBack.close()
  }
}

const unequal = (problem: string): ChainFault =>
  new ChainFault('damaged', `what was written is not what was read: ${problem}. Do not use the target`)
