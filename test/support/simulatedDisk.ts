// What a disk has, and what only the page cache has. Bytes are durable when their file was synced, names when their folder
// was: at a power cut any subset of the sectors and of the changes of names since then is there, and one sector may be torn.
// After a failed sync pages count as clean although the disk never got them, as on ext4: they read well until they are
// evicted, and no later sync brings them to the disk. Two slots written in turn outlive one torn write, not two: so the
// half that a short write leaves before its caller goes on counts as the torn one. Everything is drawn from the dice, so
// that a seed repeats itself.
import type { Dice } from './simulationSwarm.js'

/** Without a stack, which would cost more than all the rest of a call. */
export class SystemError extends Error {
  constructor(
    readonly code: string,
    what: string,
  ) {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(`${code}: ${what}`)
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** A sector as it was after a write, or the emptying of the file. `isHalf`: the write was short, and ended within it. */
type Unsynced = Readonly<{ sector: number; image: Uint8Array; isHalf: boolean }> | 'emptied'

/** How much of what was not synced a power cut leaves. */
type Survival = Readonly<{ keep: number; inOrder: boolean; torn: number }>

const survivalFrom = (dice: Dice, unsynced: number): Survival => ({
  keep: dice.pick([0, 0.5, 0.5, 0.9, 1]),
  inOrder: dice.chance(0.3),
  torn: dice.chance(0.5) ? Math.floor(dice.random() * unsynced) : -1,
})

type Bytes = Uint8Array<ArrayBuffer>

/** Behind its end there is room for more, all zeros: most writes make a file longer. */
const grownTo = (bytes: Bytes, size: number): Bytes => {
  if (bytes.length >= size) return bytes
  const { buffer } = bytes
  if (buffer.byteLength >= size) return new Uint8Array(buffer, 0, size)
  const grown = new Uint8Array(new ArrayBuffer(2 * size), 0, size)
  grown.set(bytes)
  return grown
}

export type FlippedBit = Readonly<{ isThere: () => boolean; turnBack: () => void }>

const replaceAt = (bytes: Uint8Array, offset: number, from: number | undefined, to: number): void => {
  if (offset < bytes.length && bytes[offset] === from) bytes[offset] = to
}

export class SimulatedFile {
  private cache: Bytes = new Uint8Array(0)
  private durable: Bytes = new Uint8Array(0)
  private unsynced: Unsynced[] = []
  /** Sectors that the page cache takes for clean, and that the disk never got. */
  private readonly lost = new Set<number>()
  private flipped: (FlippedBit & Readonly<{ offset: number }>) | undefined

  constructor(private readonly sectorBytes: number) {}

  get size(): number {
    return this.cache.length
  }
  /** Up to the last byte that is not zero. */
  get usedBytes(): number {
    let end = this.cache.length
    while (end > 0 && this.cache[end - 1] === 0) end--
    return end
  }
  get lostSectors(): number {
    return this.lost.size
  }

  read(into: Uint8Array, offset: number): number {
    const found = this.cache.subarray(offset, offset + into.length)
    into.set(found)
    return found.length
  }

  /** `isShort`: less than the caller has asked for, who goes on behind it. */
  write(bytes: Uint8Array, offset: number, isShort = false): void {
    if (bytes.length === 0) return
    const end = offset + bytes.length
    // What is written over a flipped bit knows nothing of it.
    if (this.flipped !== undefined && this.flipped.offset >= offset && this.flipped.offset < end)
      this.flipped.turnBack()
    this.cache = grownTo(this.cache, end)
    this.cache.set(bytes, offset)
    const { sectorBytes } = this
    for (let sector = Math.floor(offset / sectorBytes); sector * sectorBytes < end; sector++) {
      const isHalf = isShort && (sector + 1) * sectorBytes > end
      this.unsynced.push({ sector, image: this.sectorOf(this.cache, sector).slice(), isHalf })
      this.lost.delete(sector)
    }
  }

  empty(): void {
    if (this.cache.length === 0) return
    this.flipped?.turnBack()
    this.cache = new Uint8Array(0)
    this.lost.clear()
    this.unsynced.push('emptied')
  }

  sync(): void {
    for (const one of this.unsynced) this.bringToDisk(one, false)
    this.unsynced = []
    this.durable = grownTo(this.durable, this.cache.length)
  }

  /** Some sectors got to the disk, the others never will; all of them are clean now. */
  failSync(dice: Dice): void {
    const keep = dice.pick([0, 0.5])
    for (const one of this.unsynced) {
      if (one === 'emptied' || (dice.chance(keep) && !one.isHalf)) this.bringToDisk(one, false)
      else this.lost.add(one.sector)
    }
    this.unsynced = []
  }

  /** Memory runs short: clean pages go, and what is read again comes from the disk. */
  evictLost(): void {
    this.cache = grownTo(this.cache, this.durable.length)
    for (const sector of this.lost) {
      const there = this.sectorOf(this.cache, sector)
      there.fill(0)
      there.set(this.sectorOf(this.durable, sector).subarray(0, there.length))
    }
    this.lost.clear()
  }

  cutPower(dice: Dice, mayTear: boolean): void {
    const { keep, inOrder, torn } = survivalFrom(dice, this.unsynced.length)
    const until = inOrder ? Math.floor(dice.random() * (this.unsynced.length + 1)) : this.unsynced.length
    for (const [n, one] of this.unsynced.entries()) {
      // What a short write left of a sector is a torn write like any other: of those there is one at most.
      const isHalf = one !== 'emptied' && one.isHalf
      const isKept = inOrder ? n < until : dice.chance(keep)
      if (isKept && !isHalf) this.bringToDisk(one, false)
      else if (mayTear && n === torn) this.bringToDisk(one, !isHalf, dice)
    }
    // The length is written by itself, and may be there before the bytes are.
    if (dice.chance(0.5)) this.durable = grownTo(this.durable, this.cache.length)
    this.unsynced = []
    this.lost.clear()
    this.cache = this.durable.slice()
  }

  copy(): SimulatedFile {
    const copy = new SimulatedFile(this.sectorBytes)
    copy.write(this.cache, 0)
    copy.sync()
    return copy
  }

  flip(offset: number, bit: number): void {
    for (const bytes of [this.cache, this.durable])
      if (offset < bytes.length) bytes[offset] = (bytes[offset] ?? 0) ^ (1 << bit)
  }

  /** A flip that is turned back wherever it went meanwhile; undefined: what is there is not on the disk yet. */
  flipForNow(offset: number, bit: number): FlippedBit | undefined {
    this.flipped?.turnBack()
    const was = this.durable[offset]
    if (was === undefined || was !== this.cache[offset]) return undefined
    this.flip(offset, bit)
    const is = this.durable[offset]
    const sector = Math.floor(offset / this.sectorBytes)
    const flipped = {
      offset,
      isThere: () => this.flipped === flipped,
      turnBack: () => {
        if (this.flipped !== flipped) return
        this.flipped = undefined
        // The rest of a sector goes with each write of a part of it.
        for (const one of this.unsynced)
          if (one !== 'emptied' && one.sector === sector)
            replaceAt(one.image, offset - sector * this.sectorBytes, is, was)
        for (const bytes of [this.cache, this.durable]) replaceAt(bytes, offset, is, was)
      },
    }
    this.flipped = flipped
    return flipped
  }

  private bringToDisk(one: Unsynced, isTorn: boolean, dice?: Dice): void {
    if (one === 'emptied') {
      if (!isTorn) this.durable = new Uint8Array(0)
      return
    }
    const at = one.sector * this.sectorBytes
    const cut = Math.floor((dice?.random() ?? 0) * one.image.length)
    const isHead = dice?.chance(0.5) ?? true
    const part = isTorn ? (isHead ? one.image.subarray(0, cut) : one.image.subarray(cut)) : one.image
    const from = isTorn && !isHead ? at + cut : at
    this.durable = grownTo(this.durable, from + part.length)
    this.durable.set(part, from)
  }

  private sectorOf(bytes: Uint8Array, sector: number): Uint8Array {
    return bytes.subarray(sector * this.sectorBytes, (sector + 1) * this.sectorBytes)
  }
}

type Entry = SimulatedFile | SimulatedFolder
/** Names that change together: a rename takes one away and sets another. */
type NameChange = ReadonlyArray<readonly [name: string, entry: Entry | undefined]>

const applied = (names: Map<string, Entry>, change: NameChange): void => {
  for (const [name, entry] of change)
    if (entry === undefined) names.delete(name)
    else names.set(name, entry)
}

export class SimulatedFolder {
  private readonly names = new Map<string, Entry>()
  private durable = new Map<string, Entry>()
  private unsynced: NameChange[] = []

  entry(name: string): Entry | undefined {
    return this.names.get(name)
  }
  list(): ReadonlyArray<string> {
    return [...this.names.keys()]
  }
  get entries(): ReadonlyArray<readonly [name: string, entry: Entry]> {
    return [...this.names]
  }

  change(...change: NameChange): void {
    applied(this.names, change)
    this.unsynced.push(change)
  }

  sync(): void {
    for (const change of this.unsynced) applied(this.durable, change)
    this.unsynced = []
  }

  cutPower(dice: Dice, mayTear: boolean): void {
    const keep = dice.pick([0, 0.5, 1])
    for (const change of this.unsynced) if (dice.chance(keep)) applied(this.durable, change)
    this.unsynced = []
    this.names.clear()
    for (const [name, entry] of this.durable) {
      this.names.set(name, entry)
      entry.cutPower(dice, mayTear)
    }
  }
}

export class SimulatedDisk {
  /** What all files together may hold. */
  capacityBytes = Number.POSITIVE_INFINITY
  private readonly root = new SimulatedFolder()

  constructor(
    private readonly dice: Dice,
    readonly sectorBytes: number,
  ) {}

  folder(path: string): SimulatedFolder {
    let at: Entry = this.root
    for (const name of path.split('/').filter((part) => part !== '')) {
      const next: Entry | undefined = at instanceof SimulatedFolder ? at.entry(name) : undefined
      if (next === undefined) throw new SystemError('ENOENT', `no such folder, '${path}'`)
      at = next
    }
    if (at instanceof SimulatedFolder) return at
    throw new SystemError('ENOTDIR', `not a folder, '${path}'`)
  }

  folderOf(path: string): Readonly<{ folder: SimulatedFolder; name: string }> {
    const at = path.lastIndexOf('/')
    return { folder: this.folder(path.slice(0, at)), name: path.slice(at + 1) }
  }

  file(path: string): SimulatedFile {
    const { folder, name } = this.folderOf(path)
    const entry = folder.entry(name)
    if (entry instanceof SimulatedFile) return entry
    throw new SystemError(entry === undefined ? 'ENOENT' : 'EISDIR', `no such file, '${path}'`)
  }

  newFile(): SimulatedFile {
    return new SimulatedFile(this.sectorBytes)
  }

  rename(from: string, to: string): void {
    const { folder, name } = this.folderOf(from)
    const target = this.folderOf(to)
    if (target.folder !== folder) throw new SystemError('EXDEV', 'renames stay in their folder')
    const entry = this.file(from)
    folder.change([name, undefined], [target.name, entry])
  }

  /** Every file, by its path. */
  files(): ReadonlyArray<readonly [path: string, file: SimulatedFile]> {
    const found: Array<[string, SimulatedFile]> = []
    const walk = (folder: SimulatedFolder, path: string): void => {
      for (const [name, entry] of folder.entries)
        if (entry instanceof SimulatedFile) found.push([`${path}/${name}`, entry])
        else walk(entry, `${path}/${name}`)
    }
    walk(this.root, '')
    return found
  }

  get usedBytes(): number {
    return this.files().reduce((sum, [, file]) => sum + file.size, 0)
  }

  /** How many of the bytes fit, so that a write of them is short; none at all is an error of the caller's. */
  roomFor(file: SimulatedFile, bytes: number, offset: number): number {
    const more = offset + bytes - file.size
    if (more <= 0 || this.capacityBytes === Number.POSITIVE_INFINITY) return bytes
    const free = Math.max(0, this.capacityBytes - this.usedBytes)
    return Math.max(0, bytes - Math.max(0, more - free))
  }

  /** The page cache is gone. One write may be torn: not here, if it was the one that the power cut met. */
  cutPower(mayTear: boolean): void {
    this.root.cutPower(this.dice, mayTear)
  }

  /** False: there was nothing that could have been lost. */
  evictLost(): boolean {
    let isLost = false
    for (const [, file] of this.files()) {
      isLost ||= file.lostSectors > 0
      file.evictLost()
    }
    return isLost
  }

  /** As it reads now, all of it durable: for those who look at it without touching it. */
  copy(): SimulatedDisk {
    const copy = new SimulatedDisk(this.dice, this.sectorBytes)
    const fill = (from: SimulatedFolder, to: SimulatedFolder): void => {
      for (const [name, entry] of from.entries) {
        const twin = entry instanceof SimulatedFile ? entry.copy() : new SimulatedFolder()
        to.change([name, twin])
        if (entry instanceof SimulatedFolder && twin instanceof SimulatedFolder) fill(entry, twin)
      }
      to.sync()
    }
    fill(this.root, copy.root)
    return copy
  }
}
