// A probe that sets a gate by its answers, on a clock that is moved by hand.
import { describe, expect, it } from 'vitest'
import type { Gate, Probe, ProbeOptions } from '../../src/api/types/index.js'
import { GateProbeRunner } from '../../src/gates/gateProbe.js'
import { ManualClock } from '../support/manualClock.js'

const started = async (probe: Probe, options: ProbeOptions = {}, gate: Partial<Gate> = {}) => {
  const clock = new ManualClock()
  const said: string[] = []
  const door: Gate = {
    name: 'bank',
    open: async (by) => void said.push(`open: ${by?.why}`),
    close: async (by) => void said.push(`close: ${by?.why}`),
    resourceAvailable: async () => undefined,
    isOpen: async () => true,
    ...gate,
  }
  const runner = new GateProbeRunner(door, probe, clock, options)
  await clock.settle()
  return { clock, said, runner }
}

/** Answers what it is told to, in order; then yes. */
const answering = (...answers: ReadonlyArray<boolean | Error>): Probe => {
  const left = [...answers]
  return () => {
    const answer = left.shift() ?? true
    if (answer instanceof Error) throw answer
    return answer
  }
}

describe('C15: a probe', () => {
  it('asks at once and then every so often, closes at a no or an error, opens at a yes', async () => {
    const probe = answering(true, false, new Error('no route'), true)
    const { clock, said, runner } = await started(probe, { everyMs: 1_000 })
    expect(said).toEqual(['open: the probe says yes'])
    expect(runner.available()).toBe(true)
    await clock.advance(1_000)
    expect(runner.available()).toBe(false)
    await clock.advance(2_000)
    expect(said).toEqual([
      'open: the probe says yes',
      'close: the probe says no',
      'close: the probe failed: no route',
      'open: the probe says yes',
    ])
    await runner.stop()
  })

  it('that is late is a no, hears so, and is not asked again before it has answered', async () => {
    let asked = 0
    let answer: (available: boolean) => void = () => undefined
    const reasons: unknown[] = []
    const slow: Probe = (signal) => {
      asked++
      signal.addEventListener('abort', () => reasons.push((signal.reason as Error).message))
      return new Promise((resolve) => {
        answer = resolve
      })
    }
    const { clock, said, runner } = await started(slow, { everyMs: 1_000, timeoutMs: 300 })
    await clock.advance(299)
    expect(said).toEqual([])
    await clock.advance(1)
    expect(said).toEqual(['close: the probe did not answer within 300 ms'])
    expect(reasons).toEqual(['no answer within 300 ms'])
    await clock.advance(5_000)
    expect(asked).toBe(1)
    expect(said.at(-1)).toBe('close: the probe has not answered the last question yet')
    answer(true)
    await clock.settle()
    // A late yes says how it was, not how it is: it is asked anew.
    expect(said.at(-1)).toMatch(/^close/)
    await clock.advance(1_000)
    expect(asked).toBe(2)
    answer(true)
    await clock.settle()
    expect(said.at(-1)).toBe('open: the probe says yes')
    await runner.stop()
  })

  it('tells what went wrong when its answer could not be recorded, and goes on', async () => {
    const errors: string[] = []
    let fails = true
    const close = async (): Promise<void> => {
      if (fails) throw new Error('the log is full')
    }
    const options = { everyMs: 1_000, onError: (error: Error) => errors.push(error.message) }
    const { clock, runner } = await started(() => false, options, { close })
    await clock.advance(1_000)
    fails = false
    await clock.advance(1_000)
    expect(errors).toEqual(['the log is full', 'the log is full'])
    expect(runner.isRunning()).toBe(true)
    await runner.stop()
  })

  it('ends without waiting for a probe that hangs, and leaves neither timer nor answer behind', async () => {
    let answer: (available: boolean) => void = () => undefined
    const hanging: Probe = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    const { clock, said, runner } = await started(hanging)
    await clock.settled(runner.stop())
    answer(true)
    await clock.advance(60_000)
    expect(said).toEqual([])
    expect(clock.timerCount).toBe(0)
    expect(runner.isRunning()).toBe(false)
  })
})
