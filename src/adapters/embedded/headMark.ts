// The head mark: how far the log was synced. It is written after every sync and before the reply, without a sync of its
// own, so it is exact after the death of the process and about a second behind after the death of the machine (`strict`:
// exact then too). A checksum alone cannot tell an interrupted write from a decayed one; the mark can: damage below it is
// corruption (RELIABILITY finding 7). Two slots, 512 bytes apart: between two syncs only one of them is written, so whatever
// a power cut does to what was not synced, the other is whole.
// Slot, integers little endian:
//
//    0  32 B  SHA-256 over the other 80    32  u32  magic "LQHM"   36  u16  format version   38  u16  0
//   40  u64   first 8 bytes of the ledger's id               48  u64  last synced frame, 0 = none
//   56  u64   next position    64  u64  segment    72  u64  end of the frame in it    80  32 B  hash of the frame
import type { Disk } from './disk.js'
import {
  FORMAT_VERSION,
  getU64,
  HASH_BYTES,
  type LedgerId,
  putU64,
  sameBytes,
  sha256,
  viewOf,
} from './frames.js'

export type HeadMark = Readonly<{
  frame: number
  nextPosition: number
  segment: number
  end: number
  hash: Uint8Array
}>

export const HEAD_FILE = 'head'
const MAGIC = Buffer.from('LQHM', 'latin1')
const SLOT_BYTES = 112
const SLOT_SPACING_BYTES = 512
const HEAD_FILE_BYTES = SLOT_SPACING_BYTES + SLOT_BYTES

const putSlot = (slot: Uint8Array, ledgerId: LedgerId, mark: HeadMark): void => {
  const view = viewOf(slot)
  slot.set(MAGIC, 32)
  view.setUint32(36, FORMAT_VERSION, true)
  slot.set(ledgerId.subarray(0, 8), 40)
  putU64(view, 48, mark.frame)
  putU64(view, 56, mark.nextPosition)
  putU64(view, 64, mark.segment)
  putU64(view, 72, mark.end)
  slot.set(mark.hash, 80)
  slot.set(sha256(slot.subarray(HASH_BYTES)), 0)
}

const slotHolds = (slot: Uint8Array, ledgerId: LedgerId): boolean =>
  slot.length === SLOT_BYTES &&
  sameBytes(slot.subarray(0, HASH_BYTES), sha256(slot.subarray(HASH_BYTES))) &&
  sameBytes(slot.subarray(32, 36), MAGIC) &&
  viewOf(slot).getUint32(36, true) === FORMAT_VERSION &&
  sameBytes(slot.subarray(40, 48), ledgerId.subarray(0, 8))

/** As it was found, in one of the two slots. */
export type FoundMark = HeadMark & Readonly<{ slotAt: number; otherHolds: boolean }>

/** The newer of the slots that are whole. Undefined: neither is, so the file was damaged or is another ledger's. */
export const headMarkOf = (bytes: Uint8Array, ledgerId: LedgerId): FoundMark | undefined => {
  let newest: Omit<FoundMark, 'otherHolds'> | undefined
  let whole = 0
  for (const at of [0, SLOT_SPACING_BYTES]) {
    const slot = bytes.subarray(at, at + SLOT_BYTES)
    if (!slotHolds(slot, ledgerId)) continue
    whole++
    const view = viewOf(slot)
    const frame = getU64(view, 48)
    if (newest !== undefined && newest.frame > frame) continue
    newest = {
      frame,
      nextPosition: getU64(view, 56),
      segment: getU64(view, 64),
      end: getU64(view, 72),
      hash: slot.slice(80, 112),
      slotAt: at,
    }
  }
  return newest === undefined ? undefined : { ...newest, otherHolds: whole === 2 }
}

/** The whole file as it is at the birth of a ledger. */
export const firstHeadFile = (ledgerId: LedgerId, mark: HeadMark): Uint8Array => {
  const bytes = new Uint8Array(HEAD_FILE_BYTES)
  putSlot(bytes.subarray(0, SLOT_BYTES), ledgerId, mark)
  putSlot(bytes.subarray(SLOT_SPACING_BYTES), ledgerId, mark)
  return bytes
}

export const readHeadMark = (disk: Disk, fd: number, ledgerId: LedgerId): FoundMark | undefined => {
  const bytes = new Uint8Array(HEAD_FILE_BYTES)
  return headMarkOf(bytes.subarray(0, disk.read(fd, bytes, 0)), ledgerId)
}

export class HeadMarkWriter {
  private readonly slot = new Uint8Array(SLOT_BYTES)
  /** Written since the last sync of the file. */
  isDirty = false
  /** The slot to write until the next sync. */
  private slotAt = 0

  constructor(
    private readonly disk: Disk,
    private readonly fd: number,
    private readonly ledgerId: LedgerId,
  ) {}

  write(mark: HeadMark): void {
    this.writeAt(mark, this.slotAt)
  }

  /**
   * Into both slots, durably, and first into the one that may not be: the newer of two that hold was written last by a process
   * that may have died before its sync; where only one holds, the other was.
   */
  writeBoth(mark: HeadMark, found: FoundMark): void {
    const first = found.otherHolds ? found.slotAt : SLOT_SPACING_BYTES - found.slotAt
    for (const at of [first, SLOT_SPACING_BYTES - first]) {
      this.writeAt(mark, at)
      this.sync()
    }
  }

  private writeAt(mark: HeadMark, at: number): void {
    putSlot(this.slot, this.ledgerId, mark)
    this.disk.write(this.fd, this.slot, at)
    this.isDirty = true
  }

  sync(): void {
    if (!this.isDirty) return
    this.disk.datasync(this.fd)
    this.isDirty = false
    this.slotAt = SLOT_SPACING_BYTES - this.slotAt
  }
}
