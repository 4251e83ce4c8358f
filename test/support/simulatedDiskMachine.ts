// The machine under an embedded log, with the simulated disk in it: its file calls, its lock, and its log thread in this very
// thread. Faults are drawn for each call; a process dies at the call it was told to die at, before it, in the middle of it or
// after it. Of a process that is dead nothing is answered any more.
import { createHash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { type Disk, readFully, writeFully } from '../../src/adapters/embedded/disk.js'
import { reasonOf, unavailable } from '../../src/adapters/embedded/errors.js'
import type { Files, OpenFile } from '../../src/adapters/embedded/files.js'
import { FrameWriter } from '../../src/adapters/embedded/frameWriter.js'
import {
  type LogThreadHandle,
  type LogThreadOptions,
  SLABS,
} from '../../src/adapters/embedded/logThreadHandle.js'
import type { Machine } from '../../src/adapters/embedded/machine.js'
import { type SimulatedDisk, type SimulatedFile, SimulatedFolder, SystemError } from './simulatedDisk.js'
import type { Dice } from './simulationSwarm.js'

/** How often each call goes wrong. */
export type FaultRates = {
  write: number
  sync: number
  read: number
  /** A call is interrupted, or does less than it was asked for. */
  partial: number
}
type FaultKind = 'write' | 'sync' | 'read'
export const NO_FAULTS: Readonly<FaultRates> = { write: 0, sync: 0, read: 0, partial: 0 }

/** When things happen on this machine. */
export type Scheduling = Readonly<{
  /** A call that takes its time: done at some later step. */
  later: (run: () => void) => void
  after: (delayMs: number, callback: () => void) => () => void
  nowMs: () => number
}>

type Saw = (what: string) => void

/** Thrown to whoever asks something of the machine in the name of a process that is dead. */
class Gone {}

const never = (): Promise<never> => new Promise(() => undefined)

export class SimulatedMachine {
  faults: FaultRates = { ...NO_FAULTS }
  private readonly locked = new Set<string>()
  private isAlive = true
  private callsLeft = Number.POSITIVE_INFINITY
  private renamesLeft = Number.POSITIVE_INFINITY
  private readonly failing = new Set<FaultKind>()
  /** A write was left half done: one of its kind is enough, and a power cut tears no other. */
  hasTornWrite = false
  /** Whatever comes after its death has been done. */
  isOver = false
  /** Files that were synced again after a sync of them had failed, without their lost bytes written anew (R08). */
  readonly syncedAgain: string[] = []
  private readonly failedSyncs = new Set<SimulatedFile>()
  readonly port: Machine

  constructor(
    private readonly disk: SimulatedDisk,
    private readonly dice: Dice,
    private readonly scheduling: Scheduling,
    private readonly saw: Saw,
    private readonly onDeath: () => void = () => undefined,
  ) {
    this.port = {
      files: this.files(),
      lock: (path) => {
        if (this.locked.has(path)) return E.left({ held: true, reason: 'locked' })
        this.locked.add(path)
        return E.right({ release: () => this.locked.delete(path) })
      },
      startLogThread: (options) => new SimulatedLogThread(this, options, scheduling),
      newLedgerId: () => createHash('sha256').update(`${dice.random()}`).digest().subarray(0, 16),
      after: (delayMs, callback) => scheduling.after(delayMs, this.whileAlive(callback)),
    }
  }

  get isRunning(): boolean {
    return this.isAlive
  }

  /** The process dies in the n-th call from now. */
  dieAfterCalls(calls: number): void {
    this.callsLeft = calls
  }

  /** The process dies right after the n-th name it changes from now, before anything makes that durable. */
  dieAfterRenames(renames: number): void {
    this.renamesLeft = renames
  }

  die(): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.onDeath()
  }

  whileAlive(callback: () => void): () => void {
    return () => {
      if (this.isAlive) callback()
    }
  }

  /** Every call of the process comes through here. */
  private call<A>(what: string, whole: () => A, half: () => void = () => undefined): A {
    if (!this.isAlive) throw new Gone()
    this.callsLeft -= 1
    if (what === 'rename') this.renamesLeft -= 1
    const isRename = what === 'rename' && this.renamesLeft === 0
    if (this.callsLeft > 0 && !isRename) return whole()
    const when = isRename ? 'after' : this.dice.pick(['before', 'in', 'after'] as const)
    this.saw(`death ${when} a ${what}`)
    if (when === 'in') {
      half()
      this.hasTornWrite ||= what === 'write'
    }
    if (when === 'after') whole()
    this.die()
    throw new Gone()
  }

  /** The next call of that kind fails. */
  failNext(kind: FaultKind): void {
    this.failing.add(kind)
  }

  heal(): void {
    this.faults = { ...NO_FAULTS }
    this.failing.clear()
    this.callsLeft = Number.POSITIVE_INFINITY
    this.renamesLeft = Number.POSITIVE_INFINITY
  }

  private fails(kind: FaultKind, path: string): boolean {
    if (!this.failing.delete(kind) && !this.dice.chance(this.faults[kind])) return false
    this.saw(`EIO on ${kind}${kind === 'sync' && path.endsWith('.seg') ? ' of a segment' : ''}`)
    return true
  }

  private interrupt(bytes: number): number {
    if (bytes === 0 || !this.dice.chance(this.faults.partial)) return bytes
    if (this.dice.chance(0.5)) {
      this.saw('EINTR')
      throw new SystemError(this.dice.pick(['EINTR', 'EAGAIN']), 'interrupted')
    }
    this.saw('short call')
    return Math.max(1, Math.floor(this.dice.random() * bytes))
  }

  private read(path: string, file: SimulatedFile, into: Uint8Array, offset: number): number {
    return this.call('read', () => {
      if (this.fails('read', path)) throw new SystemError('EIO', `i/o error, read '${path}'`)
      return file.read(into.subarray(0, this.interrupt(into.length)), offset)
    })
  }

  private write(path: string, file: SimulatedFile, bytes: Uint8Array, offset: number): number {
    const half = (): void =>
      file.write(bytes.subarray(0, Math.floor(this.dice.random() * bytes.length)), offset)
    return this.call(
      'write',
      () => {
        if (this.fails('write', path)) {
          if (this.dice.chance(0.5)) {
            half()
            this.hasTornWrite = true
          }
          throw new SystemError('EIO', `i/o error, write '${path}'`)
        }
        const room = this.disk.roomFor(file, this.interrupt(bytes.length), offset)
        if (room === 0 && bytes.length > 0) {
          this.saw('ENOSPC')
          throw new SystemError('ENOSPC', `no space left on device, write '${path}'`)
        }
        file.write(bytes.subarray(0, room), offset, room < bytes.length)
        return room
      },
      half,
    )
  }

  private sync(path: string, file: SimulatedFile): void {
    this.call('sync', () => {
      // A file without a sound sync has to be written anew; what is lost stays lost, and a sync says nothing of it.
      if (this.failedSyncs.has(file) && file.lostSectors > 0) this.syncedAgain.push(path)
      if (!this.fails('sync', path)) return file.sync()
      this.failedSyncs.add(file)
      file.failSync(this.dice)
      throw new SystemError('EIO', `i/o error, fsync '${path}'`)
    })
  }

  private syncFolder(path: string): void {
    this.call('sync of a folder', () => {
      const folder = this.disk.folder(path)
      if (this.fails('sync', path)) throw new SystemError('EIO', `i/o error, fsync '${path}'`)
      folder.sync()
    })
  }

  private open(path: string, mode: 'read' | 'existing' | 'new' | 'exclusive'): SimulatedFile {
    return this.call('open', () => {
      if (mode === 'read' || mode === 'existing') return this.disk.file(path)
      const { folder, name } = this.disk.folderOf(path)
      const known = folder.entry(name)
      if (known !== undefined) {
        if (mode === 'exclusive') throw new SystemError('EEXIST', `it exists, '${path}'`)
        const file = this.disk.file(path)
        file.empty()
        return file
      }
      const file = this.disk.newFile()
      folder.change([name, file])
      return file
    })
  }

  private rename(from: string, to: string): void {
    this.call('rename', () => this.disk.rename(from, to))
  }

  private remove(path: string): void {
    this.call('remove', () => {
      const { folder, name } = this.disk.folderOf(path)
      this.disk.file(path)
      folder.change([name, undefined])
    })
  }

  private makeFolder(path: string): void {
    this.call('mkdir', () => {
      const { folder, name } = this.disk.folderOf(path)
      if (folder.entry(name) !== undefined) throw new SystemError('EEXIST', `it exists, '${path}'`)
      folder.change([name, new SimulatedFolder()])
    })
  }

  /** Done at a later step of the simulation; a process that has died by then never hears of it. */
  private async<A>(run: () => A): Promise<A> {
    if (!this.isAlive) return never()
    return new Promise((resolve, reject) => {
      this.scheduling.later(() => {
        try {
          const answer = run()
          if (this.isAlive) resolve(answer)
        } catch (cause) {
          if (!(cause instanceof Gone)) reject(cause)
        }
      })
    })
  }

  private files(): Files {
    const opened = (path: string, file: SimulatedFile): OpenFile => ({
      size: () => this.async(() => file.size),
      read: (into, offset) => this.async(() => this.read(path, file, into, offset)),
      write: (bytes, offset) => this.async(() => this.write(path, file, bytes, offset)),
      sync: () => this.async(() => this.sync(path, file)),
      datasync: () => this.async(() => this.sync(path, file)),
      close: () => this.async(() => undefined),
    })
    return {
      list: (folder) => this.async(() => this.disk.folder(folder).list()),
      isFolder: (path) =>
        this.async(() => {
          const { folder, name } = this.disk.folderOf(path)
          const entry = folder.entry(name)
          if (entry === undefined) throw new SystemError('ENOENT', `nothing there, '${path}'`)
          return entry instanceof SimulatedFolder
        }),
      makeFolder: (path) => this.async(() => this.makeFolder(path)),
      open: (path, mode) => this.async(() => opened(path, this.open(path, mode))),
      rename: (from, to) => this.async(() => this.rename(from, to)),
      remove: (path) =>
        this.async(() => {
          try {
            this.remove(path)
          } catch (cause) {
            if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) throw cause
          }
        }),
      syncFolder: (path) => this.async(() => this.syncFolder(path)),
    }
  }

  /** The disk as the log thread sees it. */
  threadDisk(): Disk {
    const opened: Array<Readonly<{ path: string; file: SimulatedFile }>> = []
    const of = (fd: number): Readonly<{ path: string; file: SimulatedFile }> => {
      const found = opened[fd]
      if (found === undefined) throw new SystemError('EBADF', `no such file`)
      return found
    }
    return {
      list: (folder) => this.call('list', () => this.disk.folder(folder).list()),
      open: (path, create = false) =>
        opened.push({ path, file: this.open(path, create ? 'exclusive' : 'existing') }) - 1,
      sizeOf: (fd) => of(fd).file.size,
      read: (fd, into, offset) =>
        readFully(
          (_, bytes, start, length, at) =>
            this.read(of(fd).path, of(fd).file, bytes.subarray(start, start + length), at),
          fd,
          into,
          offset,
        ),
      write: (fd, bytes, offset) =>
        writeFully(
          (_, from, start, length, at) =>
            this.write(of(fd).path, of(fd).file, from.subarray(start, start + length), at),
          fd,
          bytes,
          offset,
        ),
      datasync: (fd) => this.sync(of(fd).path, of(fd).file),
      close: () => undefined,
      rename: (from, to) => this.rename(from, to),
      remove: (path) => this.remove(path),
      syncDirectory: (path) => this.syncFolder(path),
    }
  }
}

/** What the log thread does, done by steps of the simulation; its word takes a step of its own to arrive. */
class SimulatedLogThread implements LogThreadHandle {
  onDurable: () => void = () => undefined
  onDeath: (reason: string) => void = () => undefined
  readonly slabs: ReadonlyArray<Uint8Array>
  syncs = 0
  private writer: FrameWriter | undefined
  private readonly outbox: Array<() => void> = []
  private cancelHeadSync = (): void => undefined

  constructor(
    private readonly machine: SimulatedMachine,
    private readonly options: LogThreadOptions,
    private readonly scheduling: Scheduling,
  ) {
    this.slabs = Array.from({ length: SLABS }, () => new Uint8Array(options.frameBytesMax))
  }

  opened(): ReturnType<LogThreadHandle['opened']> {
    return new Promise((resolve) => {
      const host = {
        nowMs: this.scheduling.nowMs,
        onSync: () => {
          this.syncs += 1
        },
      }
      this.later(() => {
        let answer: Awaited<ReturnType<LogThreadHandle['opened']>>
        try {
          const writer = FrameWriter.open(this.machine.threadDisk(), this.options, host)
          if (E.isRight(writer)) this.writer = writer.right
          answer = E.map((open: FrameWriter) => open.recovered)(writer)
        } catch (cause) {
          answer = E.left(unavailable(cause))
        }
        this.tell(() => resolve(answer))
      })
    })
  }

  commit(slab: number, bytes: number, segment: number, offset: number): void {
    this.later(() => {
      const frame = this.slabs[slab]?.subarray(0, bytes)
      if (frame === undefined) throw new Error('no such slab')
      const isDone = this.attempt((writer) => writer.commit(frame, segment, offset))
      if (!isDone) return
      this.tell(() => this.onDurable())
      this.attempt((writer) => {
        if (writer.msToHeadSync() === 0) writer.syncHeadMark()
      })
      this.planHeadSync()
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.later(() => {
        this.cancelHeadSync()
        this.attempt((writer) => writer.close())
        this.writer = undefined
        this.tell(resolve)
      })
    })
  }

  private planHeadSync(): void {
    this.cancelHeadSync()
    const inMs = this.writer?.msToHeadSync() ?? Number.POSITIVE_INFINITY
    if (inMs === Number.POSITIVE_INFINITY) return
    this.cancelHeadSync = this.scheduling.after(
      inMs,
      this.machine.whileAlive(() => this.attempt((writer) => writer.syncHeadMark())),
    )
  }

  /** The first error is the end of the thread. */
  private attempt(body: (writer: FrameWriter) => void): boolean {
    const { writer } = this
    if (writer === undefined) return false
    try {
      body(writer)
      return true
    } catch (cause) {
      this.writer = undefined
      this.cancelHeadSync()
      this.tell(() => this.onDeath(reasonOf(cause)))
      return false
    }
  }

  /** Its messages arrive one at a time, in order. */
  private tell(message: () => void): void {
    this.outbox.push(message)
    this.later(() => this.outbox.shift()?.())
  }

  private later(run: () => void): void {
    this.scheduling.later(this.machine.whileAlive(run))
  }
}
