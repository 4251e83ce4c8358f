// Single moments of the embedded log, told step by step on the simulated disk; most were found by simulationDisk.ts first.
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { type LedgerEvent, NO_REVISION } from '../../../domain/batch.js'
import { openEmbeddedLog } from '../../../src/adapters/embedded/eventLog.js'
import { verify } from '../../../src/adapters/embedded/verify.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import { batchOf, enqueued } from '../../contract/eventLog.contract.js'
import { SimulatedDisk, SimulatedFile, SimulatedFolder } from '../../support/simulatedDisk.js'
import { SimulatedMachine } from '../../support/simulatedDiskMachine.js'
import { TurnScheduler } from '../../support/simulationDiskTurns.js'
import { Dice } from '../../support/simulationSwarm.js'

const A = 'partition-a~1.0'
const DIRECTORY = '/disk/ledger'
const LARGE = JSON.stringify('x'.repeat(1_500))

/** A disk, and whoever has the log on it open. */
class Bench {
  readonly dice = new Dice(7)
  readonly turns = new TurnScheduler(this.dice)
  readonly disk = new SimulatedDisk(this.dice, 512)
  machine: SimulatedMachine
  log!: EventLog

  private constructor() {
    this.disk.folder('/').change(['disk', new SimulatedFolder()])
    this.disk.folder('/').sync()
    this.machine = this.newMachine()
  }

  static async open(): Promise<Bench> {
    const bench = new Bench()
    await bench.open()
    return bench
  }

  private newMachine(): SimulatedMachine {
    return new SimulatedMachine(this.disk, this.dice, this.turns, () => undefined)
  }

  private async open(): Promise<void> {
    const opened = await this.opened()
    if (opened === undefined || E.isLeft(opened)) throw new Error(JSON.stringify(opened))
    this.log = opened.right
  }

  opened(): Promise<Awaited<ReturnType<typeof openEmbeddedLog>> | undefined> {
    return this.done(openEmbeddedLog({ directory: DIRECTORY, segmentBytes: 16 * 1024 }, this.machine.port))
  }

  /** Proved by somebody who only looks. */
  verified(): ReturnType<typeof verify> {
    const looking = new SimulatedMachine(this.disk, this.dice, this.turns.atOnce, () => undefined)
    return verify(DIRECTORY, undefined, looking.port.files)
  }

  /** Undefined: it never comes. */
  async done<A>(promise: Promise<A>): Promise<A | undefined> {
    return (await this.turns.untilDone(promise, this.machine)) ? promise : undefined
  }

  append(
    revision: number,
    event: LedgerEvent = enqueued(revision),
  ): ReturnType<ReturnType<EventLog['append']>> {
    return this.log.append(A, revision - 1, batchOf([event]))()
  }

  async head(): Promise<number | undefined> {
    const head = await this.done(this.log.head(A)())
    return head !== undefined && E.isRight(head) ? head.right : undefined
  }

  end(how: 'kill' | 'power cut'): void {
    this.machine.die()
    this.turns.forget()
    if (how === 'power cut') this.disk.cutPower(false)
    this.machine = this.newMachine()
  }

  async again(how: 'kill' | 'power cut'): Promise<void> {
    this.end(how)
    await this.open()
  }
}

describe('the embedded log, step by step', () => {
  it('R07: closes although the last append it waits for is refused, because there is no room', async () => {
    for (let turn = 0; turn < 20; turn++) {
      const bench = await Bench.open()
      for (let n = 0; n < turn; n++) bench.dice.random()
      bench.disk.capacityBytes = bench.disk.usedBytes
      // The next segment is still tried: what does not fit this one waits for what becomes of it.
      const answers = Array.from({ length: 14 }, (_, n) =>
        bench.log.append(`stream-${n}`, NO_REVISION, batchOf([enqueued(0, LARGE)]))(),
      )
      expect(await bench.done(bench.log.close().then(() => 'closed'))).toBe('closed')
      const told = await Promise.all(answers)
      expect(told.at(0)).toMatchObject({ _tag: 'Right' })
      expect(told.at(-1)).toMatchObject({ left: { type: 'LogFull' } })
    }
  })

  it('I1: a repeat of what was appended is answered from the log, also after the log has stopped', async () => {
    const bench = await Bench.open()
    const first = batchOf([enqueued(0)])
    const appended = await bench.done(bench.log.append(A, NO_REVISION, first)())
    expect(appended).toMatchObject({ right: { lastRevision: 0 } })
    // The next segment is prepared, so that the sync that fails is that of the commit.
    await bench.turns.untilIdle()
    bench.machine.failNext('sync')
    expect(await bench.done(bench.append(1))).toMatchObject({ left: { type: 'OutcomeUnknown' } })
    expect(bench.log.condition().state).toBe('stopped')
    expect(await bench.done(bench.log.append(A, NO_REVISION, first)())).toEqual(appended)
    expect(await bench.done(bench.append(1))).toMatchObject({ left: { type: 'LogStopped' } })
  })

  it('R03: what one process has made and not synced is synced by the next before anything rests on it', async () => {
    const bench = await Bench.open()
    for (let calls = 1; calls < 30; calls++) {
      const born = await Bench.open()
      born.machine.dieAfterCalls(calls)
      for (let n = 0; born.machine.isRunning && n < 12; n++)
        await born.done(born.append(n, enqueued(n, LARGE)))
      await born.again('kill')
      const head = (await born.head()) ?? NO_REVISION
      for (let n = 1; n <= 12; n++)
        expect(await born.done(born.append(head + n, enqueued(n, LARGE)))).toMatchObject({ _tag: 'Right' })
      await born.again('power cut')
      expect(await born.head()).toBe(head + 12)
    }
    await bench.done(bench.log.close())
  })

  it('a second truncation below a low mark that is not durable yet waits for it, and tries again after a failure', async () => {
    const bench = await Bench.open()
    for (let n = 0; n < 4; n++) await bench.done(bench.append(n))
    const first = bench.log.truncateBefore(A, 3)()
    let isSecondDone = false
    const second = bench.log
      .truncateBefore(A, 2)()
      .then((answer) => {
        isSecondDone = true
        return answer
      })
    await bench.turns.step()
    expect(isSecondDone).toBe(false)
    await bench.done(Promise.all([first, second]))
    bench.machine.failNext('sync')
    expect(await bench.done(bench.log.truncateBefore(A, 4)())).toMatchObject({ _tag: 'Left' })
    expect(await bench.done(bench.log.truncateBefore(A, 4)())).toMatchObject({ _tag: 'Right' })
    await bench.again('power cut')
    expect(await bench.done(bench.log.read(A, 3, 1_000)())).toMatchObject({
      left: { type: 'RevisionTruncated', firstRevision: 4 },
    })
  })

  it('R05: a decayed last commit whose head a truncation has named is refused, and `verify` finds it', async () => {
    const bench = await Bench.open()
    const other = (revision: number) =>
      bench.log.append('other', revision - 1, batchOf([enqueued(revision)]))()
    const head = bench.disk.file(`${DIRECTORY}/head`)
    const markBefore = new Uint8Array(head.size)
    await bench.done(other(0))
    await bench.done(bench.append(0))
    await bench.done(bench.log.truncateBefore(A, 1)())
    head.read(markBefore, 0)
    await bench.done(bench.append(1))
    await bench.done(bench.log.truncateBefore('other', 1)())
    bench.end('kill')
    // The power is cut within the second after which the head mark is synced.
    head.write(markBefore, 0)
    head.sync()
    const segment = bench.disk.file(`${DIRECTORY}/segments/0000000001.seg`)
    segment.flip(segment.usedBytes - 1, 0)
    const damage = { left: { type: 'LogCorrupt', file: `${DIRECTORY}/segments/0000000001.seg` } }
    expect(await bench.verified()).toMatchObject(damage)
    expect(await bench.opened()).toMatchObject(damage)
    segment.flip(segment.usedBytes - 1, 0)
    expect(await bench.verified()).toMatchObject({ _tag: 'Right' })
    await bench.again('kill')
    expect(await bench.done(bench.log.read(A, 1, 1_000)())).toMatchObject({ right: { next: 2 } })
  })

  it('R05: a damaged segment without any frame that a start has removed stays away after a power cut', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const bench = await Bench.open()
      for (let n = 0; n < seed; n++) bench.dice.random()
      await bench.done(bench.append(0))
      await bench.turns.untilIdle()
      const spare = `${DIRECTORY}/segments/0000000002.seg`
      bench.disk.file(spare).flip(54, 0)
      await bench.again('kill')
      bench.end('power cut')
      expect(await bench.verified()).toMatchObject({ _tag: 'Right' })
    }
  })

  it('I6: a listing of snapshots that meets saves shows the newest, and no save removes that of another', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const bench = await Bench.open()
      for (let n = 0; n < 5; n++) await bench.done(bench.append(n))
      for (let n = 0; n < seed; n++) bench.dice.random()
      const save = (revision: number): Promise<unknown> =>
        bench.log.saveSnapshot(A, revision, oneChunk(revision))()
      await bench.done(Promise.all([save(0), save(1)]))
      const saves = Promise.all([save(2), save(3), save(4)])
      const during = await bench.done(bench.log.snapshots(A)())
      expect(during !== undefined && E.isRight(during) ? during.right.length : 0).toBeGreaterThan(0)
      await bench.done(saves)
      const after = await bench.done(bench.log.snapshots(A)())
      expect(
        after !== undefined && E.isRight(after) ? after.right.map(({ revision }) => revision) : [],
      ).toContain(4)
    }
  })
})

describe('the simulated disk at a power cut', () => {
  it('R09: leaves at most one sector between two writes, also when some were short', () => {
    const SLOTS = [0, 512] as const
    let mixed = 0
    for (let seed = 0; seed < 2_000; seed++) {
      const dice = new Dice(seed)
      const file = new SimulatedFile(dice.pick([512, 4096]))
      for (let round = 1; round <= 4; round++) {
        for (const slot of SLOTS) {
          const whole = new Uint8Array(112).fill(round)
          if (dice.chance(0.5)) file.write(whole.subarray(0, 50), slot, true)
          file.write(whole, slot)
        }
        if (round === 1) file.sync()
      }
      file.cutPower(dice, true)
      const found = SLOTS.map((slot) => {
        const bytes = new Uint8Array(112)
        file.read(bytes, slot)
        return new Set(bytes).size
      })
      expect(found).toContain(1)
      if (found.some((kinds) => kinds > 1)) mixed += 1
    }
    expect(mixed).toBeGreaterThan(100)
  })
})

describe('R05: a bit flipped anywhere in a log of some hundred commits', () => {
  const FLIPS = 120
  const AT_ONCE = { later: (run: () => void) => run(), after: () => () => undefined, nowMs: () => 0 }

  it('is refused with file and offset, or did no harm', async () => {
    const bench = await Bench.open()
    const sizes = [20, 300, 1_500]
    for (let n = 0; n < 150; n++)
      await bench.done(bench.append(n, enqueued(n, JSON.stringify('x'.repeat(sizes[n % 3] ?? 0)))))
    await bench.done(bench.log.close())
    const names = bench.disk.files().filter(([path]) => path.endsWith('.seg') || path.endsWith('/head'))
    let refused = 0
    for (let n = 0; n < FLIPS; n++) {
      const disk = bench.disk.copy()
      const [path] = bench.dice.pick(names)
      const at = Math.floor(bench.dice.random() * disk.file(path).size)
      disk.file(path).flip(at, n % 8)
      const machine = new SimulatedMachine(disk, new Dice(n), AT_ONCE, () => undefined)
      const opened = await openEmbeddedLog({ directory: DIRECTORY, segmentBytes: 16 * 1024 }, machine.port)
      if (E.isLeft(opened)) {
        refused += 1
        expect(opened.left).toMatchObject({ type: 'LogCorrupt', file: path })
        expect(opened.left).toHaveProperty('offset', expect.any(Number))
        if (opened.left.type === 'LogCorrupt') expect(opened.left.offset).toBeLessThanOrEqual(at)
        continue
      }
      expect(await opened.right.head(A)()).toEqual(E.right(149))
      for (let from = 0; from < 150; ) {
        const page = await opened.right.read(A, from, 4_000)()
        if (E.isLeft(page)) throw new Error(JSON.stringify(page.left))
        from = page.right.next
      }
    }
    expect(refused).toBeGreaterThan(FLIPS / 2)
  })
})

async function* oneChunk(n: number): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(10 + n)
}
