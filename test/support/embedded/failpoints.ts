// The named moments at which the embedded log is killed (R02), all of them in one table, and the switch that kills. A moment
// is the n-th file operation of one kind on one kind of file, in one of the two threads that touch files: just before it,
// just after it, or after the first half of its bytes. The process writes the moment's name into a file and is gone.
import fs from 'node:fs'

export type FileOperation = Readonly<{
  op: 'open' | 'write' | 'sync' | 'rename' | 'remove' | 'reply'
  /** Of the file itself; for `rename` the name it gets. */
  path: string
  /** Where a write begins. */
  offset?: number
}>

export type Moment = 'before' | 'half' | 'after'

export type Failpoint = Readonly<{
  name: string
  /** `opening` is the log thread until it says that the log is open: recovery. */
  where: 'log thread' | 'opening' | 'main thread'
  when: Moment
  op: FileOperation['op']
  path: RegExp
  offset?: number
  /** At which of these operations the process dies, one case each. */
  hits: ReadonlyArray<number>
  /** The state of the directory it starts from: none, or what this other failpoint leaves behind. */
  from?: string
}>

const SEGMENT = /\/\d{10}\.seg$/
const UNFINISHED_SEGMENT = /\/\d{10}\.seg\.tmp$/
const SEGMENTS_FOLDER = /\/segments$/
const HEAD = /\/head$/
const SNAPSHOT = /\.snap$/
const UNFINISHED_SNAPSHOT = /\.snap\.tmp$/
const SNAPSHOT_FOLDER = /\/snapshots\/[^/]+$/
const MARKS = /\/marks\.json$/
const UNFINISHED_MARKS = /\/marks\.json\.tmp$/
const META = /\/meta\.json$/
const UNFINISHED_META = /\/meta\.json\.tmp$/
const LEDGER_FOLDER = /\/ledger$/
const REPLY = /^reply$/

type Row = readonly [
  name: string,
  when: Moment,
  op: FileOperation['op'],
  path: RegExp,
  over?: Partial<Pick<Failpoint, 'hits' | 'from' | 'offset'>>,
]
const HITS = [1, 3, 10]
const ONCE = { hits: [1] }

const of = (where: Failpoint['where'], rows: ReadonlyArray<Row>): ReadonlyArray<Failpoint> =>
  rows.map(([name, when, op, path, over]) => ({ name, where, when, op, path, hits: HITS, ...over }))

const FRAME_HALF_WRITTEN = 'commit: half of a frame written'
const FRAME_SYNCED = 'commit: after the sync, before the head mark'

export const FAILPOINTS: ReadonlyArray<Failpoint> = [
  ...of('log thread', [
    ['commit: before a frame is written', 'before', 'write', SEGMENT],
    [FRAME_HALF_WRITTEN, 'half', 'write', SEGMENT],
    ['commit: after a frame is written, before its sync', 'after', 'write', SEGMENT],
    [FRAME_SYNCED, 'after', 'sync', SEGMENT],
    ['commit: before the head mark is written', 'before', 'write', HEAD],
    ['commit: half of the head mark written', 'half', 'write', HEAD],
    ['commit: after the head mark, before the reply', 'before', 'reply', REPLY],
    ['commit: after the reply', 'after', 'reply', REPLY],
    ['roll: before the head mark is synced', 'before', 'sync', HEAD],
    ['roll: after the head mark is synced, before the segment is opened', 'before', 'open', SEGMENT],
    ['roll: after the segment is opened', 'after', 'open', SEGMENT],
    ['roll: half of the first frame of a segment written', 'half', 'write', SEGMENT, { offset: 64 }],
  ]),
  ...of('main thread', [
    ['next segment: half of it filled', 'half', 'write', UNFINISHED_SEGMENT],
    ['next segment: filled, before its sync', 'before', 'sync', UNFINISHED_SEGMENT],
    ['next segment: before its rename', 'before', 'rename', SEGMENT],
    ['next segment: after its rename, before the directory sync', 'after', 'rename', SEGMENT],
    ['next segment: after the directory sync', 'after', 'sync', SEGMENTS_FOLDER],
    ['snapshot: before its file is made', 'before', 'open', UNFINISHED_SNAPSHOT],
    ['snapshot: half of a chunk written', 'half', 'write', UNFINISHED_SNAPSHOT],
    ['snapshot: before its sync', 'before', 'sync', UNFINISHED_SNAPSHOT],
    ['snapshot: before its rename', 'before', 'rename', SNAPSHOT],
    ['snapshot: after its rename, before the directory sync', 'after', 'rename', SNAPSHOT],
    ['snapshot: before the older one is removed', 'before', 'remove', SNAPSHOT],
    ['snapshot: after the older one is removed', 'after', 'remove', SNAPSHOT],
    ['snapshot: after the directory sync', 'after', 'sync', SNAPSHOT_FOLDER],
    ['truncation: half of the marks written', 'half', 'write', UNFINISHED_MARKS],
    ['truncation: before the sync of the marks', 'before', 'sync', UNFINISHED_MARKS],
    ['truncation: before the rename of the marks', 'before', 'rename', MARKS],
    ['truncation: after the rename of the marks, before the directory sync', 'after', 'rename', MARKS],
    ['truncation: before a segment is removed', 'before', 'remove', SEGMENT],
    ['truncation: after a segment is removed, before the directory sync', 'after', 'remove', SEGMENT],
    // The three syncs before are those of the birth and of the opening.
    ['truncation: after the directory sync', 'after', 'sync', LEDGER_FOLDER, { hits: [4, 6, 13] }],
    ['birth: half of meta.json written', 'half', 'write', UNFINISHED_META, ONCE],
    ['birth: before the rename of meta.json', 'before', 'rename', META, ONCE],
    ['birth: after the rename of meta.json, before the directory sync', 'after', 'rename', META, ONCE],
    ['birth: before the rename of the head mark', 'before', 'rename', HEAD, ONCE],
    ['birth: after the rename of the head mark', 'after', 'rename', HEAD, ONCE],
  ]),
  ...of('opening', [
    ['first segment: half of it filled', 'half', 'write', UNFINISHED_SEGMENT, { hits: [1, 2] }],
    ['first segment: before its rename', 'before', 'rename', SEGMENT, ONCE],
    ['first segment: after its rename', 'after', 'rename', SEGMENT, ONCE],
    [
      'recovery: half of a torn frame zeroed',
      'half',
      'write',
      SEGMENT,
      { ...ONCE, from: FRAME_HALF_WRITTEN },
    ],
    [
      'recovery: a torn frame zeroed, before the sync',
      'before',
      'sync',
      SEGMENT,
      { ...ONCE, from: FRAME_HALF_WRITTEN },
    ],
    [
      'recovery: half of the frame above the mark written again',
      'half',
      'write',
      SEGMENT,
      { ...ONCE, from: FRAME_SYNCED },
    ],
    [
      'recovery: the frame above the mark synced again',
      'after',
      'sync',
      SEGMENT,
      { ...ONCE, from: FRAME_SYNCED },
    ],
    ['recovery: half of the head mark written', 'half', 'write', HEAD, { ...ONCE, from: FRAME_SYNCED }],
    ['recovery: before the sync of the head mark', 'before', 'sync', HEAD, { ...ONCE, from: FRAME_SYNCED }],
  ]),
]

export const failpointNamed = (name: string): Failpoint => {
  const found = FAILPOINTS.find((failpoint) => failpoint.name === name)
  if (found === undefined) throw new Error(`no failpoint "${name}"`)
  return found
}

/** What a process is told about its end, in the environment variable of that name: its threads see it too. */
export const FAILPOINT_VARIABLE = 'LEDGERQ_R02_FAILPOINT'
export type Sentence = Readonly<{ name: string; hit: number; markerFile: string }>

export class KillSwitch {
  private readonly failpoint: Failpoint
  private readonly sentence: Sentence
  private hits = 0

  constructor(private where: Failpoint['where']) {
    this.sentence = JSON.parse(process.env[FAILPOINT_VARIABLE] ?? '') as Sentence
    this.failpoint = failpointNamed(this.sentence.name)
  }

  /** The log thread has recovered, and serves from now on. */
  opened(): void {
    this.where = 'log thread'
  }

  /** Kills before this operation, if its time has come; otherwise says how to go on. */
  before(operation: FileOperation): 'half, then die' | 'whole, then die' | 'whole' {
    const { failpoint } = this
    const isMeant =
      failpoint.where === this.where &&
      failpoint.op === operation.op &&
      failpoint.path.test(operation.path) &&
      (failpoint.offset === undefined || failpoint.offset === operation.offset)
    if (!isMeant) return 'whole'
    this.hits += 1
    if (this.hits !== this.sentence.hit) return 'whole'
    if (failpoint.when === 'before') this.die()
    return failpoint.when === 'half' ? 'half, then die' : 'whole, then die'
  }

  die(): never {
    fs.writeFileSync(this.sentence.markerFile, this.failpoint.name)
    process.kill(process.pid, 'SIGKILL')
    throw new Error('killed, and still here')
  }

  /** A synchronous operation; `half` does the first half of it. */
  run<A>(operation: FileOperation, whole: () => A, half: () => void = () => {}): A {
    const way = this.before(operation)
    if (way === 'half, then die') {
      half()
      this.die()
    }
    const answer = whole()
    return way === 'whole' ? answer : this.die()
  }

  async runAsync<A>(
    operation: FileOperation,
    whole: () => Promise<A>,
    half: () => Promise<unknown> = async () => {},
  ): Promise<A> {
    const way = this.before(operation)
    if (way === 'half, then die') {
      await half()
      this.die()
    }
    const answer = await whole()
    return way === 'whole' ? answer : this.die()
  }
}
