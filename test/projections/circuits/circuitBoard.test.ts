import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CircuitEvent, type CircuitSettings, circuit } from '../../../domain/circuit/index.js'
import {
  type AttemptOutcome,
  CIRCUITS_MAX,
  CircuitBoard,
} from '../../../projections/circuits/circuitBoard.js'
import { quickCircuit } from '../../domain/circuit/arbitraries.js'
import { type Happening, recountedAdmits, recountedChange, recountedProbes } from './recount.js'

const OUTCOMES: Record<'ok' | 'failed' | 'neutral', AttemptOutcome> = {
  ok: { ok: true },
  failed: { ok: false, failureType: 'DATABASE' },
  neutral: 'released',
}
const FAILED = OUTCOMES.failed

const boardWith = (settings: CircuitSettings): CircuitBoard => {
  const board = new CircuitBoard()
  board.adopt(settings, {})
  return board
}
const thereAndBack = (board: CircuitBoard, settings: CircuitSettings): CircuitBoard => {
  const copy = boardWith(settings)
  copy.load(JSON.parse(JSON.stringify(board.snapshot())))
  return copy
}

type Step =
  | Readonly<{ do: 'start' | 'snapshot' }>
  | Readonly<{ do: 'end'; which: number; outcome: 'ok' | 'failed' | 'neutral' }>
  | Readonly<{ do: 'wait'; ms: number }>

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: 'start' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'snapshot' } as const) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      which: fc.nat({ max: 20 }),
      outcome: fc.constantFrom('ok', 'ok', 'failed', 'failed', 'neutral'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 12 }) }) },
)
const steps = fc.oneof(
  { weight: 1, arbitrary: fc.array(step, { maxLength: 20 }) },
  { weight: 3, arbitrary: fc.array(step, { minLength: 80, maxLength: 160 }) },
)

/** One partition's worth of a circuit: it starts what the board admits, and appends what the board decides. */
class Run {
  board: CircuitBoard
  at = 1_000
  private nextFence = 1
  private running: number[] = []
  readonly happened: Happening[] = []
  readonly seen = new Set<string>()

  constructor(readonly settings: CircuitSettings) {
    this.board = boardWith(settings)
  }

  take(step: Step): void {
    switch (step.do) {
      case 'start':
        return this.start()
      case 'end':
        return this.end(step.which, step.outcome)
      case 'wait':
        this.at += step.ms
        return this.append(this.board.due(this.at))
      case 'snapshot':
        this.board = thereAndBack(this.board, this.settings)
    }
  }

  private start(): void {
    const admitted = this.board.admits('db')
    expect(admitted).toBe(recountedAdmits(this.happened, this.settings))
    if (!admitted) return
    const fence = this.nextFence++
    this.running.push(fence)
    this.happened.push({ at: this.at, what: 'started', fence })
    this.board.attemptStarted('db', fence)
    expect(recountedProbes(this.happened) ?? 0).toBeLessThanOrEqual(this.settings.probesMax)
  }

  private end(which: number, outcome: 'ok' | 'failed' | 'neutral'): void {
    const [fence] = this.running.splice(which % Math.max(1, this.running.length), 1)
    if (fence === undefined) return
    this.happened.push({ at: this.at, what: 'ended', fence, outcome })
    this.board.attemptEnded('db', fence, OUTCOMES[outcome], this.at)
    this.append(this.board.decide('db', this.at))
  }

  private append(events: ReadonlyArray<CircuitEvent>): void {
    const change = recountedChange(this.happened, this.at, this.settings)
    expect(events).toEqual(change === undefined ? [] : [change])
    for (const event of events) {
      this.happened.push({ at: this.at, what: 'event', event })
      this.board.apply(event, this.at)
      this.seen.add(event.type === 'CircuitOpened' ? event.reason : event.type)
    }
  }

  replayed(): CircuitBoard {
    const board = boardWith(this.settings)
    for (const one of this.happened) {
      if (one.what === 'started') board.attemptStarted('db', one.fence)
      else if (one.what === 'event') board.apply(one.event, one.at)
      else board.attemptEnded('db', one.fence, OUTCOMES[one.outcome], one.at)
    }
    return board
  }
}

describe('C6: the circuits of a partition, whatever happens', () => {
  it('change exactly when a recount of all that happened says so, and never run more than probesMax probes', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(quickCircuit, steps, (settings, steps) => {
        const run = new Run(settings)
        for (const step of steps) run.take(step)
        for (const change of run.seen) seen.add(change)
      }),
      { numRuns: 400 },
    )
    // The histories must be such that every change turns up, or the law would hold of nothing.
    expect([...seen].sort()).toEqual([
      'CircuitClosed',
      'CircuitHalfOpened',
      'failureShare',
      'failureThreshold',
      'probeFailed',
    ])
  })

  it('I6: are the fold of their events, and a snapshot in the middle changes nothing', () => {
    fc.assert(
      fc.property(quickCircuit, steps, (settings, steps) => {
        const run = new Run(settings)
        for (const step of steps) run.take(step)
        expect(run.replayed().snapshot()).toEqual(run.board.snapshot())
        expect(thereAndBack(run.board, settings).snapshot()).toEqual(run.board.snapshot())
        expect(run.replayed().list(run.at)).toEqual(run.board.list(run.at))
      }),
    )
  })

  it('are quiet until the time that they name, and due at it', () => {
    fc.assert(
      fc.property(quickCircuit, steps, (settings, steps) => {
        const run = new Run(settings)
        for (const step of steps) {
          run.take(step)
          const next = run.board.nextAt()
          expect(run.board.due(Math.min(next, run.at + 1_000) - 1)).toEqual([])
          if (next !== Number.POSITIVE_INFINITY) expect(run.board.due(next)).toHaveLength(1)
        }
      }),
    )
  })

  it('do what an operator says as long as he says it, and decide nothing meanwhile', () => {
    const word = fc.constantFrom('open' as const, 'closed' as const)
    fc.assert(
      fc.property(quickCircuit, steps, word, steps, (settings, before, word, during) => {
        const run = new Run(settings)
        for (const step of before) run.take(step)
        const { board } = run
        board.adopt(settings, { db: word })
        for (const [index, step] of during.entries()) {
          const fence = 10_000 + index
          expect(board.admits('db')).toBe(word === 'closed')
          expect(board.nextAt()).toBe(Number.POSITIVE_INFINITY)
          board.attemptStarted('db', fence)
          board.attemptEnded('db', fence, OUTCOMES[step.do === 'end' ? step.outcome : 'ok'], run.at)
          expect([...board.decide('db', run.at), ...board.due(run.at + 1_000)]).toEqual([])
          expect(board.list(run.at)).toMatchObject([{ circuit: 'db', state: word, forced: true }])
        }
      }),
    )
  })
})

describe('C6: the circuits of a partition', () => {
  const settings = circuit({
    failureThreshold: 2,
    windowMs: 100,
    openMs: 50,
    probesMax: 1,
    successThreshold: 1,
  })
  const fail = (board: CircuitBoard, name: string, at: number, fence = 1): void => {
    board.attemptEnded(name, fence, FAILED, at)
    for (const event of board.decide(name, at)) board.apply(event, at)
  }

  it('do not disturb each other', () => {
    const board = boardWith(settings)
    for (const at of [10, 20]) fail(board, 'eu', at)
    fail(board, 'us', 30)
    expect([board.admits('eu'), board.admits('us'), board.admits('asia')]).toEqual([false, true, true])
    expect(board.list(40)).toEqual([
      { circuit: 'eu', state: 'open', forced: false, failures: 0, since: 20, retryAt: 70 },
      { circuit: 'us', state: 'closed', forced: false, failures: 1 },
    ])
    expect(board.list(130)).toMatchObject([{ circuit: 'eu' }, { circuit: 'us', failures: 0 }])
    expect(board.nextAt()).toBe(70)
  })

  it('keep nothing of a healthy queue, and nothing once the failures have left the window', () => {
    const board = boardWith(settings)
    board.attemptStarted('eu', 1)
    board.attemptEnded('eu', 1, { ok: true }, 10)
    board.attemptEnded('eu', 2, { ok: false, failureType: 'BUSINESS' }, 10)
    expect(board.snapshot()).toEqual([])
    fail(board, 'eu', 20)
    expect(board.snapshot()).toHaveLength(1)
    board.attemptEnded('eu', 3, { ok: true }, 120)
    expect(board.snapshot()).toEqual([])
  })

  it('failures that do not count leave a probe without a verdict, and its place free', () => {
    const board = boardWith(settings)
    for (const at of [10, 20]) fail(board, 'eu', at)
    for (const event of board.due(70)) board.apply(event, 70)
    board.attemptStarted('eu', 7)
    expect(board.admits('eu')).toBe(false)
    board.attemptEnded('eu', 7, { ok: false, failureType: 'VALIDATION' }, 80)
    expect(board.decide('eu', 80)).toEqual([])
    expect(board.admits('eu')).toBe(true)
  })

  it('a circuit left to the machine again decides by what it saw meanwhile', () => {
    const board = boardWith(settings)
    board.adopt(settings, { eu: 'closed' })
    for (const at of [10, 20, 30]) fail(board, 'eu', at)
    board.adopt(settings, {})
    expect(board.due(40)).toMatchObject([{ type: 'CircuitOpened', reason: 'failureThreshold', retryAt: 90 }])
    expect(board.due(500)).toEqual([])
  })

  it('a probe that failed while an operator kept the circuit closed opens it when he lets go', () => {
    const board = boardWith(settings)
    for (const at of [10, 20]) fail(board, 'eu', at)
    for (const event of board.due(70)) board.apply(event, 70)
    board.adopt(settings, { eu: 'closed' })
    board.attemptStarted('eu', 7)
    board.attemptEnded('eu', 7, FAILED, 80)
    board.adopt(settings, {})
    expect(board.nextAt()).toBeLessThanOrEqual(80)
    expect(board.due(90)).toMatchObject([{ reason: 'probeFailed', retryAt: 140 }])
  })

  it('without settings there are no circuits, but an operator can still stop one', () => {
    const board = boardWith(settings)
    for (const at of [10, 20]) fail(board, 'eu', at)
    board.adopt(null, { us: 'open' })
    for (const at of [30, 40]) fail(board, 'asia', at)
    expect([board.admits('eu'), board.admits('us'), board.admits('asia')]).toEqual([true, false, true])
    expect(board.snapshot()).toEqual([])
  })

  it('names of objects everybody inherits are names like any other', () => {
    const board = boardWith(settings)
    expect(board.admits('constructor')).toBe(true)
    board.adopt(settings, JSON.parse('{"__proto__":"open"}'))
    expect([board.admits('constructor'), board.admits('__proto__')]).toEqual([true, false])
  })

  it('are bounded: closed ones that are out of date make room, and without room a new one is not watched', () => {
    const board = boardWith(settings)
    for (let n = 0; n < CIRCUITS_MAX; n++) fail(board, `zone${n}`, 10)
    fail(board, 'late', 20)
    expect(board.snapshot()).toHaveLength(CIRCUITS_MAX)
    fail(board, 'later', 110)
    expect(board.snapshot()).toHaveLength(1)
  })

  it('are still watched when there is no room, if they were before; and none that is open makes room', () => {
    const board = boardWith(settings)
    for (const at of [1, 2]) fail(board, 'broken', at)
    for (let n = 1; n < CIRCUITS_MAX; n++) fail(board, `zone${n}`, 10)
    fail(board, 'zone7', 20)
    expect(board.list(20).filter(({ state }) => state === 'open')).toMatchObject([
      { circuit: 'broken' },
      { circuit: 'zone7' },
    ])
    fail(board, 'later', 500)
    expect(board.list(500).map(({ circuit }) => circuit)).toEqual(['broken', 'later', 'zone7'])
  })

  it('make room only when the latest of their failures and calls has left the window', () => {
    const board = boardWith({ ...settings, failureThreshold: 9, adaptive: true })
    fail(board, 'failedAgain', 10)
    fail(board, 'failedAgain', 60)
    fail(board, 'calledAgain', 10)
    board.attemptEnded('calledAgain', 1, { ok: true }, 90)
    for (let n = 2; n < CIRCUITS_MAX; n++) fail(board, `zone${n}`, 10)
    fail(board, 'later', 135)
    expect(board.list(135).map(({ circuit }) => circuit)).toEqual(['calledAgain', 'failedAgain', 'later'])
  })

  it('that are closed again leave nothing', () => {
    const board = boardWith(settings)
    for (const at of [10, 20]) fail(board, 'eu', at)
    for (const event of board.due(70)) board.apply(event, 70)
    expect(board.list(75)).toEqual([
      {
        circuit: 'eu',
        state: 'halfOpen',
        forced: false,
        failures: 0,
        since: 70,
        probesRunning: 0,
        probesSucceeded: 0,
      },
    ])
    board.attemptStarted('eu', 7)
    board.attemptEnded('eu', 7, { ok: true }, 80)
    for (const event of board.decide('eu', 80)) board.apply(event, 80)
    expect([board.snapshot(), board.list(80)]).toEqual([[], []])
  })

  it('are listed by name, those that an operator holds among them', () => {
    const board = boardWith(settings)
    for (const name of ['us', 'asia', 'eu']) fail(board, name, 10)
    board.adopt(settings, { north: 'open', africa: 'closed' })
    const names = board.list(10).map(({ circuit }) => circuit)
    expect(names).toEqual(['africa', 'asia', 'eu', 'north', 'us'])
  })

  it('are those of the snapshot, and no others', () => {
    const board = boardWith(settings)
    fail(board, 'eu', 10)
    const other = boardWith(settings)
    fail(other, 'us', 20)
    board.load(other.snapshot())
    expect(board.list(20)).toMatchObject([{ circuit: 'us', failures: 1 }])
  })

  it('stop nothing, note nothing and decide nothing without settings, whatever the log still says of them', () => {
    const board = new CircuitBoard()
    board.apply({ type: 'CircuitOpened', circuit: 'eu', reason: 'failureThreshold', retryAt: 50 }, 10)
    board.apply({ type: 'CircuitHalfOpened', circuit: 'eu' }, 50)
    const before = board.snapshot()
    for (let fence = 1; fence < 9; fence++) {
      expect(board.admits('eu')).toBe(true)
      board.attemptStarted('eu', fence)
      board.attemptEnded('eu', fence, FAILED, 60)
      expect([...board.decide('eu', 60), ...board.due(1_000)]).toEqual([])
    }
    expect(board.snapshot()).toEqual(before)
    board.apply({ type: 'CircuitClosed', circuit: 'eu', reason: 'probesSucceeded' }, 70)
    board.adopt(null, { us: 'open' })
    expect(board.list(80)).toEqual([{ circuit: 'us', state: 'open', forced: true, failures: 0 }])
  })
})
