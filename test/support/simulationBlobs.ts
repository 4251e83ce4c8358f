// The blob store of a simulated run: whatever is put is there, whole, when the store says so; before that it may be missing or
// torn, and stay so when the call fails or the process dies. Blobs may also be out of reach, lost, or altered while nobody
// looks. What was answered is kept for the checkers.
import { createHash } from 'node:crypto'
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import { DEFAULT_PAYLOAD_LIMITS } from '../../domain/payload/index.js'
import type { Blobs } from '../../src/engine/blobPayloads.js'
import type { BlobFault } from '../../src/ports/blobStore.js'
import type { BlobsTold } from './checkersCalls.js'
import type { Dice } from './simulationSwarm.js'
import type { SimulatedProcess } from './simulationTime.js'

export const BLOB_FAULTS = [
  'a put of a blob fails',
  'blobs are out of reach',
  'a blob is lost',
  'a blob is altered',
] as const
export type BlobFaultName = (typeof BLOB_FAULTS)[number]

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export class SimulatedBlobs {
  private readonly kept = new Map<string, Uint8Array>()
  private readonly planned = new Set<BlobFaultName>()

  constructor(
    private readonly aboveBytes: number,
    private readonly dice: Dice,
    private readonly told: BlobsTold,
    private readonly saw: (what: string) => void,
  ) {}

  /** As one process has it. */
  of(process: SimulatedProcess): Blobs {
    const sent = <A>(act: () => Either<BlobFault, A>): Promise<Either<BlobFault, A>> =>
      process.asks(() => new Promise((resolve) => process.time.soon(() => resolve(act()))))
    const store: Blobs['store'] = {
      put: (bytes) => () => {
        this.begin(bytes)
        return sent(() => this.put(bytes, process.isDead))
      },
      get: (ref) => () => sent(() => this.get(ref)),
      remove: () => async () => right(false),
      list: () => async () => right({ blobs: [], next: undefined }),
    }
    return { store, aboveBytes: this.aboveBytes, limits: DEFAULT_PAYLOAD_LIMITS }
  }

  plan(fault: BlobFaultName): void {
    const { dice, kept, told } = this
    const location = dice.pick([...kept.keys()])
    if (fault === 'a put of a blob fails' || fault === 'blobs are out of reach') {
      this.planned.add(fault)
      return
    }
    if (location === undefined) return
    this.saw(fault)
    if (fault === 'a blob is lost') kept.delete(location)
    else kept.set(location, (kept.get(location) ?? new Uint8Array(1)).slice(1))
    told.damaged.add(location)
  }

  heal(): void {
    this.planned.clear()
  }

  /** What is not there yet may be seen in part from now on; what is there whole stays so. */
  private begin(bytes: Uint8Array): void {
    const sha256 = sha256Of(bytes)
    if (this.kept.has(sha256) || this.dice.chance(0.5)) return
    this.kept.set(sha256, bytes.slice(0, Math.floor(this.dice.random() * bytes.length)))
  }

  private put(bytes: Uint8Array, isOver: boolean): Either<BlobFault, ReturnType<typeof refOf>> {
    if (this.planned.delete('a put of a blob fails')) {
      this.saw('a put of a blob fails')
      return left({ type: 'BlobUnavailable', reason: 'by plan' })
    }
    const ref = refOf(bytes)
    if (isOver && this.dice.chance(0.5)) {
      this.saw('a put of a blob is cut off by a death')
      return right(ref)
    }
    this.kept.set(ref.location, bytes.slice())
    this.told.put.add(ref.sha256)
    this.saw('a blob is put')
    return right(ref)
  }

  private get({ sha256, bytes, location }: ReturnType<typeof refOf>): Either<BlobFault, Uint8Array> {
    if (this.planned.delete('blobs are out of reach')) {
      this.saw('blobs are out of reach')
      this.told.outOfReach.add(sha256)
      return left({ type: 'BlobUnavailable', reason: 'by plan' })
    }
    const found = this.kept.get(location)
    if (found === undefined) return left({ type: 'BlobMissing', location })
    if (found.length === bytes && sha256Of(found) === sha256) return right(found.slice())
    return left({ type: 'BlobAltered', location, reason: 'it holds something else' })
  }
}

const refOf = (bytes: Uint8Array): Readonly<{ sha256: string; bytes: number; location: string }> => {
  const sha256 = sha256Of(bytes)
  return { sha256, bytes: bytes.length, location: sha256 }
}
