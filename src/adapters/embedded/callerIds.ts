// Ids that callers chose, of finished messages, in a database beside the register files: few messages have one, so it comes
// to be with the first of them. SQLite never syncs here, because that would stop the event loop: each write is followed
// by a sync of the log, a checkpoint and a sync of the database, through handles of our own, and nothing else is written
// before they are done. What the database covers stands in it, in the same transaction order as the ids, so that ids that
// a power cut took are noticed; a database that is damaged is thrown away and the ids are noted again from the log.
import fs from 'node:fs'
import { promisify } from 'node:util'
import Database from 'libsql'
import { NO_REVISION } from '../../../domain/batch.js'

/** A statement with this many took 0.6 ms (rising ids) to 4 ms (random ones, 200,000 in the table): so long nothing else runs. */
const CHUNK_IDS = 256
/** Waiting ids above it are written without being asked for. */
const PENDING_IDS_MAX = 5_000
const FORMAT_VERSION = 1
const CACHE_KIB = 8_192

const TABLES = `
  create table streams (id integer primary key autoincrement, name text unique, covered integer not null);
  create table caller_ids (
    stream integer not null, caller_id text not null, ordinal integer not null,
    primary key (stream, caller_id)
  ) without rowid;
  pragma user_version = ${FORMAT_VERSION};`

const INSERT = `
  insert into caller_ids
  select ?, json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(?) where true
  on conflict (stream, caller_id) do update set ordinal = max(ordinal, excluded.ordinal)`

const DELETE_SOME = `
  delete from caller_ids where stream = ? and caller_id in
    (select caller_id from caller_ids where stream = ? limit ${CHUNK_IDS})`

const datasync = promisify(fs.fdatasync)
const closeFile = promisify(fs.close)
const turnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

type Row = Readonly<Record<string, unknown>>
const numberIn = (row: unknown, column: string): number | undefined => {
  const value = (row as Row | undefined)?.[column]
  return typeof value === 'number' ? value : undefined
}

/** What SQLite says about a file whose content is not what it should be; a full disk or a failed read is not among it. */
const isDamage = (cause: unknown): boolean => {
  if (cause instanceof DamagedDatabase) return true
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return /^SQLITE_(CORRUPT|NOTADB|ERROR|SCHEMA|MISMATCH|CONSTRAINT|FORMAT)/.test(code)
}

class DamagedDatabase extends Error {}

type Opened = Readonly<{
  db: Database.Database
  insert: Database.Statement
  find: Database.Statement
  cover: Database.Statement
  syncFds: ReadonlyArray<number>
}>

export class CallerIds {
  private opened: Opened | undefined
  private readonly pending = new Map<string, Map<string, number>>()
  private pendingCount = 0
  private readonly streamIds = new Map<string, number>()
  private readonly covered = new Map<string, number>()
  private turn: Promise<void> = Promise.resolve()
  private isWriting = false
  private isClosed = false

  /** `onLost`: ids of any stream may be missing from now on. */
  constructor(
    private readonly path: string,
    private readonly onLost: () => void,
  ) {}

  /** Reads what is there; a damaged database is gone afterwards. */
  async start(): Promise<void> {
    if (!fs.existsSync(this.path)) return
    await this.guarded(async () => {
      const { db } = this.database()
      for (const row of db.prepare('select id, name, covered from streams where name is not null').all()) {
        const { name } = row as Row
        const id = numberIn(row, 'id')
        if (typeof name !== 'string' || id === undefined) throw new DamagedDatabase('a stream without a name')
        this.streamIds.set(name, id)
        this.covered.set(name, numberIn(row, 'covered') ?? NO_REVISION)
      }
      const dropped = db.prepare('select id from streams where name is null').all()
      for (const row of dropped) this.purgeLater(numberIn(row, 'id') ?? 0)
    })
  }

  coveredTo(stream: string): number {
    return this.covered.get(stream) ?? NO_REVISION
  }

  note(stream: string, callerId: string, ordinal: number): void {
    let ids = this.pending.get(stream)
    if (ids === undefined) {
      ids = new Map()
      this.pending.set(stream, ids)
    }
    const known = ids.get(callerId)
    if (known === undefined) this.pendingCount++
    if (known === undefined || known < ordinal) ids.set(callerId, ordinal)
    if (this.pendingCount < PENDING_IDS_MAX || this.isWriting || this.isClosed) return
    this.isWriting = true
    // A fault shows when the ids are flushed; until then they wait here.
    void this.inTurn(() => this.write())
      .catch(() => {})
      .finally(() => {
        this.isWriting = false
      })
  }

  async find(stream: string, callerId: string): Promise<number | undefined> {
    // An id may come back for a newer message, so the greater of both is the latest.
    const waiting = this.pending.get(stream)?.get(callerId)
    const id = this.streamIds.get(stream)
    if (id === undefined || this.opened === undefined) return waiting
    const { opened } = this
    let stored: number | undefined
    try {
      stored = numberIn(opened.find.get(id, callerId), 'ordinal')
    } catch (cause) {
      // Thrown away in its turn, so that no write has the database taken from under it; and only once.
      await this.inTurn(async () => {
        if (this.opened === opened) throw cause
      })
    }
    return waiting === undefined || (stored !== undefined && stored > waiting) ? stored : waiting
  }

  /** Every id noted so far is on disk when it resolves, and the stream covered up to `revision`. */
  flush(stream: string, revision: number): Promise<void> {
    return this.inTurn(async () => {
      await this.write(({ cover }) => {
        const covered = Math.max(revision, this.coveredTo(stream))
        cover.run(covered, this.streamId(stream))
        this.covered.set(stream, covered)
      })
    })
  }

  drop(stream: string): Promise<void> {
    const id = this.streamIds.get(stream)
    this.pendingCount -= this.pending.get(stream)?.size ?? 0
    this.pending.delete(stream)
    this.streamIds.delete(stream)
    this.covered.delete(stream)
    if (id === undefined) return this.turn
    const forgotten = this.inTurn(() =>
      this.write(({ db }) => void db.prepare('update streams set name = null where id = ?').run(id)),
    )
    this.purgeLater(id)
    return forgotten
  }

  close(): Promise<void> {
    this.isClosed = true
    return this.inTurn(() => this.closeDatabase())
  }

  /** Chunk by chunk, each a transaction; then `last`, then the syncs that make all of it safe. */
  private async write(last: (opened: Opened) => void = () => {}): Promise<void> {
    for (const [stream, ids] of this.pending) {
      // A stream that is dropped meanwhile loses its place here, and what is noted for it then comes later in the loop.
      while (ids.size > 0 && this.pending.get(stream) === ids) {
        const chunk: Array<[string, number]> = []
        for (const entry of ids) if (chunk.push(entry) === CHUNK_IDS) break
        this.database().insert.run(this.streamId(stream), JSON.stringify(chunk))
        for (const [callerId] of chunk) ids.delete(callerId)
        this.pendingCount -= chunk.length
        await turnOfLoop()
      }
      if (ids.size === 0 && this.pending.get(stream) === ids) this.pending.delete(stream)
    }
    const opened = this.database()
    last(opened)
    await this.settle(opened)
  }

  private async settle({ db, syncFds }: Opened): Promise<void> {
    const [log, file] = syncFds
    if (log !== undefined) await datasync(log)
    db.pragma('wal_checkpoint(PASSIVE)')
    if (file !== undefined) await datasync(file)
  }

  /** The rows of a dropped stream, a chunk in each turn, so that a flush never waits for all of them. */
  private purgeLater(id: number): void {
    void this.inTurn(async () => {
      if (this.isClosed) return
      const opened = this.database()
      const isMore = opened.db.prepare(DELETE_SOME).run(id, id).changes > 0
      if (!isMore) opened.db.prepare('delete from streams where id = ? and name is null').run(id)
      await this.settle(opened)
      await turnOfLoop()
      if (isMore) this.purgeLater(id)
      // What stays is taken up again at the next start.
    }).catch(() => {})
  }

  private streamId(stream: string): number {
    const known = this.streamIds.get(stream)
    if (known !== undefined) return known
    const { db } = this.database()
    // The row of a stream that was dropped a moment ago may still have the name.
    db.prepare('update streams set name = null where name = ?').run(stream)
    const created = db.prepare('insert into streams (name, covered) values (?, ?)').run(stream, NO_REVISION)
    const id = Number(created.lastInsertRowid)
    this.streamIds.set(stream, id)
    return id
  }

  private database(): Opened {
    if (this.opened !== undefined) return this.opened
    const isNew = !fs.existsSync(this.path)
    const db = new Database(this.path)
    try {
      for (const setting of ['journal_mode = WAL', 'synchronous = OFF', 'wal_autocheckpoint = 0'])
        db.pragma(setting)
      db.pragma(`cache_size = -${CACHE_KIB}`)
      if (isNew) db.exec(TABLES)
      if (numberIn(db.prepare('pragma user_version').get(), 'user_version') !== FORMAT_VERSION)
        throw new DamagedDatabase('not a database of callers’ ids, or of another version')
      this.opened = {
        db,
        insert: db.prepare(INSERT),
        find: db.prepare('select ordinal from caller_ids where stream = ? and caller_id = ?'),
        cover: db.prepare('update streams set covered = ? where id = ?'),
        syncFds: [fs.openSync(`${this.path}-wal`, 'r+'), fs.openSync(this.path, 'r+')],
      }
      return this.opened
    } catch (cause) {
      db.close()
      throw cause
    }
  }

  private async closeDatabase(): Promise<void> {
    const { opened } = this
    this.opened = undefined
    if (opened === undefined) return
    // The database first: to close another handle of its file would take its locks away.
    opened.db.close()
    for (const fd of opened.syncFds) await closeFile(fd)
  }

  private inTurn(run: () => Promise<void>): Promise<void> {
    const result = this.turn.then(() => this.guarded(run))
    this.turn = result.catch(() => {})
    return result
  }

  /** Damage is no fault of the caller's: the database goes, and what it held is noted again from the log. */
  private async guarded(run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (cause) {
      if (!isDamage(cause)) throw cause
      await this.closeDatabase().catch(() => {})
      for (const suffix of ['', '-wal', '-shm']) fs.rmSync(this.path + suffix, { force: true })
      this.streamIds.clear()
      this.covered.clear()
      this.onLost()
    }
  }
}
