// The register of finished messages of one place, as its processes find it one after the other: what was flushed is there, what was
// only noted may be, and what others have written meanwhile is missing until it is read from the log.
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import type { FinishedEntry, FinishedRegister } from '../../src/ports/finishedRegister.js'
import type { Dice } from './simulationSwarm.js'
import type { SimulatedProcess } from './simulationTime.js'

type Note = Readonly<{ entry: FinishedEntry; callerId: string | undefined }>
type Written = Readonly<{ notes: Note[]; coveredTo: number }>

export class RegisterPlace {
  private readonly written = new Map<string, Written>()

  constructor(
    private readonly dice: Dice,
    private readonly saw: (what: string) => void,
  ) {}

  open(process: SimulatedProcess): FinishedRegister {
    const inner = memoryFinishedRegister()
    const known = new Map<string, Note[]>()
    for (const [stream, { notes, coveredTo }] of this.written) {
      for (const { entry, callerId } of notes) inner.note(stream, entry, callerId)
      known.set(stream, [...notes])
      if (coveredTo >= 0) void inner.flush(stream, coveredTo)
    }
    return {
      ...inner,
      note: (stream, entry, callerId) => {
        inner.note(stream, entry, callerId)
        known.set(stream, [...(known.get(stream) ?? []), { entry, callerId }])
        // Written when memory runs short; nothing says how far that reaches.
        if (this.dice.chance(0.3)) this.written.get(stream)?.notes.push({ entry, callerId })
      },
      find: (stream, ordinal) => process.asks(() => inner.find(stream, ordinal)),
      findCallerId: (stream, callerId) => process.asks(() => inner.findCallerId(stream, callerId)),
      flush: (stream, revision) =>
        process.asks(async () => {
          if (this.dice.chance(0.1)) {
            this.saw('the register is not written')
            throw new Error('the register cannot be written, by plan')
          }
          await inner.flush(stream, revision)
          this.written.set(stream, { notes: [...(known.get(stream) ?? [])], coveredTo: revision })
        }),
      drop: (stream) => {
        this.written.delete(stream)
        known.delete(stream)
        return process.asks(() => inner.drop(stream))
      },
    }
  }
}
