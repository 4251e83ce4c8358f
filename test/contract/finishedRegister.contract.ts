// What every register of finished messages must do, whatever it stands on. Run by test/adapters/*/finishedRegister.test.ts.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Outcome } from '../../domain/message/index.js'
import type { FinishedEntry, FinishedQuery, FinishedRegister } from '../../src/ports/finishedRegister.js'

export type OpenedRegister = Readonly<{ register: FinishedRegister; dispose: () => Promise<void> }>

export const STREAM = 'partition-orders~1.0'
export const OTHER = 'partition-Mail~1.0'
export const OUTCOMES: ReadonlyArray<Outcome> = ['succeeded', 'cancelled', 'expired', 'purged']

export const finished = (
  ordinal: number,
  revision = ordinal * 3,
  outcome: Outcome = 'succeeded',
): FinishedEntry => ({ ordinal, revision, outcome })

type Note = Readonly<{ stream: string; entry: FinishedEntry; callerId: string | undefined }>

/** What a register must answer, in the plainest way. */
export class RegisterModel {
  readonly entries = new Map<string, FinishedEntry>()
  readonly callerIds = new Map<string, number>()

  note({ stream, entry, callerId }: Note): void {
    this.entries.set(`${stream} ${entry.ordinal}`, entry)
    if (callerId === undefined) return
    const key = `${stream} ${callerId}`
    this.callerIds.set(key, Math.max(entry.ordinal, this.callerIds.get(key) ?? 0))
  }

  drop(stream: string): void {
    for (const map of [this.entries, this.callerIds])
      for (const key of map.keys()) if (key.startsWith(`${stream} `)) map.delete(key)
  }

  page(stream: string, query: FinishedQuery): FinishedEntry[] {
    return [...this.entries]
      .filter(([key, entry]) => {
        const inRange =
          query.after === undefined
            ? query.before === undefined || entry.ordinal < query.before
            : entry.ordinal > query.after
        const wanted = query.outcome === undefined || entry.outcome === query.outcome
        return key.startsWith(`${stream} `) && inRange && wanted
      })
      .map(([, entry]) => entry)
      .sort((a, b) => (query.after === undefined ? b.ordinal - a.ordinal : a.ordinal - b.ordinal))
      .slice(0, query.limit)
  }
}

export const expectSame = async (register: FinishedRegister, model: RegisterModel): Promise<void> => {
  for (const [key, entry] of model.entries)
    expect(await register.find(key.split(' ')[0] ?? '', entry.ordinal)).toEqual(entry)
  for (const [key, ordinal] of model.callerIds) {
    const [stream = '', callerId = ''] = key.split(' ')
    expect(await register.findCallerId(stream, callerId)).toBe(ordinal)
  }
  for (const stream of [STREAM, OTHER])
    for (const outcome of [undefined, ...OUTCOMES]) {
      const query = { ...(outcome === undefined ? {} : { outcome }), limit: 1_000 }
      expect(await register.page(stream, query)).toEqual(model.page(stream, query))
    }
}

/** Most are near each other, as ordinals are; some stand in pages far behind. */
export const ordinal = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 60 }) },
  { weight: 3, arbitrary: fc.integer({ min: 8_180, max: 8_200 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 200_000 }) },
)
export const note: fc.Arbitrary<Note> = fc
  .record({
    stream: fc.constantFrom(STREAM, STREAM, OTHER),
    ordinal,
    callerId: fc.oneof(fc.constant(undefined), fc.constantFrom('order-1', 'order-2', '7', '__proto__')),
  })
  .map(({ stream, ordinal: of, callerId }) => ({
    stream,
    // A message finishes once, so its ordinal decides how.
    entry: finished(of, of * 7 + 2, OUTCOMES[of % 4]),
    callerId,
  }))

export const describeFinishedRegister = (name: string, open: () => Promise<OpenedRegister>): void => {
  const withRegister = (sentence: string, body: (register: FinishedRegister) => Promise<void>): void =>
    it(sentence, async () => {
      const { register, dispose } = await open()
      try {
        await body(register)
      } finally {
        await register.close()
        await dispose()
      }
    })

  describe(`${name}: finding`, () => {
    withRegister('finds a message by its ordinal in its own stream, and no other', async (register) => {
      register.note(STREAM, finished(1, 0, 'cancelled'), undefined)
      register.note(STREAM, finished(8_192, 2 ** 50, 'purged'), undefined)
      expect(await register.find(STREAM, 1)).toEqual(finished(1, 0, 'cancelled'))
      expect(await register.find(STREAM, 8_192)).toEqual(finished(8_192, 2 ** 50, 'purged'))
      for (const missing of [0, 2, 8_191, 8_193, 1_000_000])
        expect(await register.find(STREAM, missing)).toBeUndefined()
      expect(await register.find(OTHER, 1)).toBeUndefined()
    })

    withRegister('finds what was noted also after a flush, and what was noted since', async (register) => {
      for (let of = 1; of <= 20_000; of++) register.note(STREAM, finished(of), undefined)
      await register.flush(STREAM, 60_000)
      register.note(STREAM, finished(5, 99_999, 'expired'), undefined)
      register.note(STREAM, finished(20_001), undefined)
      expect(await register.find(STREAM, 5)).toEqual(finished(5, 99_999, 'expired'))
      for (const of of [1, 8_191, 8_192, 16_384, 20_001])
        expect(await register.find(STREAM, of)).toEqual(finished(of))
    })

    withRegister(
      "answers a caller's id with the latest of its messages, in any order of notes",
      async (register) => {
        register.note(STREAM, finished(4), 'order-1')
        register.note(STREAM, finished(9), 'order-1')
        register.note(STREAM, finished(2), 'order-1')
        register.note(OTHER, finished(1), 'order-1')
        expect(await register.findCallerId(STREAM, 'order-1')).toBe(9)
        await register.flush(STREAM, 30)
        register.note(STREAM, finished(3), 'order-1')
        expect(await register.findCallerId(STREAM, 'order-1')).toBe(9)
        register.note(STREAM, finished(12), 'order-1')
        expect(await register.findCallerId(STREAM, 'order-1')).toBe(12)
        await register.flush(STREAM, 40)
        expect(await register.findCallerId(STREAM, 'order-1')).toBe(12)
        expect(await register.findCallerId(OTHER, 'order-1')).toBe(1)
        expect(await register.findCallerId(STREAM, 'order-2')).toBeUndefined()
      },
    )

    withRegister("keeps tens of thousands of callers' ids apart", async (register) => {
      for (let of = 1; of <= 12_000; of++) register.note(STREAM, finished(of), `order-${of}`)
      await register.flush(STREAM, 36_000)
      for (const of of [1, 255, 256, 257, 5_000, 11_999, 12_000])
        expect(await register.findCallerId(STREAM, `order-${of}`)).toBe(of)
    })
  })

  describe(`${name}: listing`, () => {
    withRegister('lists the newest first and goes on below the last one shown', async (register) => {
      const noted = [3, 4, 9_000, 25_000, 25_001, 300_000]
      for (const of of noted) register.note(STREAM, finished(of), undefined)
      const seen: number[] = []
      for (let before: number | undefined; ; ) {
        const page = await register.page(STREAM, { ...(before === undefined ? {} : { before }), limit: 2 })
        if (page.length === 0) break
        seen.push(...page.map((entry) => entry.ordinal))
        before = page.at(-1)?.ordinal
      }
      expect(seen).toEqual(noted.toReversed())
      expect(await register.page(OTHER, { limit: 10 })).toEqual([])
      expect(await register.page(STREAM, { limit: 0 })).toEqual([])
      expect(await register.page(STREAM, { before: 0, limit: 10 })).toEqual([])
      expect(await register.page(STREAM, { before: 1e12, limit: 1 })).toEqual([finished(300_000)])
    })

    withRegister('filters by outcome over ordinals that are far apart', async (register) => {
      for (let of = 7; of < 150_000; of += 1_009)
        register.note(STREAM, finished(of, of, OUTCOMES[of % 4]), undefined)
      await register.flush(STREAM, 150_000)
      for (const outcome of OUTCOMES) {
        const all = await register.page(STREAM, { outcome, limit: 1_000 })
        expect(all.length).toBeGreaterThan(30)
        expect(all.every((entry) => entry.outcome === outcome)).toBe(true)
        const below = await register.page(STREAM, { outcome, before: all[9]?.ordinal ?? 0, limit: 5 })
        expect(below).toEqual(all.slice(10, 15))
        const above = await register.page(STREAM, { outcome, after: all[9]?.ordinal ?? 0, limit: 5 })
        expect(above).toEqual(all.slice(4, 9).toReversed())
        expect(await register.page(STREAM, { outcome, after: -1, limit: 1_000 })).toEqual(all.toReversed())
      }
    })
  })

  describe(`${name}: covering`, () => {
    withRegister('covers nothing until it is flushed, and never less than before', async (register) => {
      expect(register.coveredTo(STREAM)).toBe(-1)
      register.note(STREAM, finished(1), undefined)
      expect(register.coveredTo(STREAM)).toBe(-1)
      await register.flush(STREAM, 10)
      await register.flush(STREAM, 4)
      expect(register.coveredTo(STREAM)).toBe(10)
      expect(register.coveredTo(OTHER)).toBe(-1)
      await register.flush(OTHER, 0)
      expect(register.coveredTo(OTHER)).toBe(0)
    })

    withRegister(
      'forgets a dropped stream at once, keeps the others, and can begin anew',
      async (register) => {
        register.note(STREAM, finished(1), 'order-1')
        register.note(OTHER, finished(1), 'order-1')
        await register.flush(STREAM, 10)
        await register.flush(OTHER, 10)
        const dropping = register.drop(STREAM)
        register.note(STREAM, finished(2), 'order-2')
        await dropping
        expect(register.coveredTo(STREAM)).toBe(-1)
        expect(await register.find(STREAM, 1)).toBeUndefined()
        expect(await register.findCallerId(STREAM, 'order-1')).toBeUndefined()
        expect(await register.page(STREAM, { limit: 10 })).toEqual([finished(2)])
        expect(await register.findCallerId(STREAM, 'order-2')).toBe(2)
        await register.flush(STREAM, 6)
        expect(register.coveredTo(STREAM)).toBe(6)
        expect(await register.findCallerId(STREAM, 'order-2')).toBe(2)
        expect(await register.findCallerId(OTHER, 'order-1')).toBe(1)
      },
    )

    withRegister('takes notes, flushes, drops and questions all at once', async (register) => {
      const working: Promise<unknown>[] = []
      for (let of = 1; of <= 40_000; of++) {
        register.note(STREAM, finished(of), of % 100 === 0 ? `order-${of}` : undefined)
        if (of % 5_000 === 0) {
          working.push(register.flush(STREAM, of * 3), register.find(STREAM, of - 4_000))
          working.push(register.page(STREAM, { limit: 10 }), register.findCallerId(STREAM, `order-${of}`))
        }
        if (of === 20_000) working.push(register.drop(STREAM))
      }
      await Promise.all(working)
      expect(await register.find(STREAM, 20_000)).toBeUndefined()
      for (const of of [20_001, 24_576, 39_999]) expect(await register.find(STREAM, of)).toEqual(finished(of))
      expect(await register.findCallerId(STREAM, 'order-20000')).toBeUndefined()
      expect(await register.findCallerId(STREAM, 'order-40000')).toBe(40_000)
    })

    withRegister('refuses questions after it was closed, and may be closed again', async (register) => {
      register.note(STREAM, finished(1), 'order-1')
      await register.flush(STREAM, 3)
      await register.close()
      await register.close()
      register.note(STREAM, finished(2), 'order-2')
      const closed = /closed/
      await expect(register.find(STREAM, 1)).rejects.toThrow(closed)
      await expect(register.findCallerId(STREAM, 'order-1')).rejects.toThrow(closed)
      await expect(register.page(STREAM, { limit: 1 })).rejects.toThrow(closed)
      await expect(register.flush(STREAM, 3)).rejects.toThrow(closed)
      await expect(register.drop(STREAM)).rejects.toThrow(closed)
    })
  })

  it(`${name} answers as a plain Map does`, async () => {
    const step = fc.oneof(
      { weight: 12, arbitrary: note.map((of) => ({ kind: 'note' as const, of })) },
      {
        weight: 2,
        arbitrary: fc.constantFrom(STREAM, OTHER).map((stream) => ({ kind: 'flush' as const, stream })),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(STREAM, OTHER).map((stream) => ({ kind: 'drop' as const, stream })),
      },
      {
        weight: 2,
        arbitrary: fc
          .record({ from: ordinal, limit: fc.nat({ max: 5 }), outcome: fc.constantFrom(...OUTCOMES) })
          .chain(({ from, ...query }) =>
            fc.constantFrom({ ...query, before: from }, { ...query, after: from }),
          )
          .map((query) => ({ kind: 'page' as const, query })),
      },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { register, dispose } = await open()
        const model = new RegisterModel()
        try {
          for (const taken of steps) {
            if (taken.kind === 'note') {
              register.note(taken.of.stream, taken.of.entry, taken.of.callerId)
              model.note(taken.of)
            } else if (taken.kind === 'flush') await register.flush(taken.stream, 5)
            else if (taken.kind === 'drop') {
              await register.drop(taken.stream)
              model.drop(taken.stream)
            } else expect(await register.page(STREAM, taken.query)).toEqual(model.page(STREAM, taken.query))
          }
          await expectSame(register, model)
        } finally {
          await register.close()
          await dispose()
        }
      }),
      { numRuns: 40 },
    )
  })
}
