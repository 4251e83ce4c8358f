// Health is a judgement over numbers: each reason by itself, and the status that follows from all of them.
import { describe, expect, it } from 'vitest'
import { judge, type LedgerCondition, type QueueCondition } from '../../../projections/health/health.js'

const well: QueueCondition = {
  queue: 'orders',
  paused: false,
  down: [],
  size: 10,
  maxSize: 100,
  succeeded: 98,
  ended: 100,
  completionObjective: 0.95,
  oldestClaimableAgeMs: 0,
  openCircuits: [],
  closedGates: [],
  sickProcessors: [],
}
const open: LedgerCondition['log'] = { state: 'open', reason: undefined }
const judged = (over: Partial<QueueCondition>, log = open) => judge({ log, queues: [{ ...well, ...over }] })

describe('the health of a ledger', () => {
  it('E2: is healthy without reasons', () => {
    expect(judged({})).toEqual({ status: 'healthy', reasons: [] })
    expect(judge({ log: open, queues: [] })).toEqual({ status: 'healthy', reasons: [] })
  })

  it.each<[string, Partial<QueueCondition>, string]>([
    ['below its completion objective', { succeeded: 94 }, 'completion_low'],
    ['nearly full', { size: 90 }, 'queue_nearly_full'],
    ['full', { size: 100 }, 'queue_full'],
    ['not worked on', { oldestClaimableAgeMs: 300_000 }, 'backlog_old'],
    ['behind an open circuit', { openCircuits: ['eu'] }, 'circuit_open'],
    ['waiting for a gate', { closedGates: ['disk'] }, 'gate_closed'],
    ['with a sick processor', { sickProcessors: ['mailer'] }, 'processor_sick'],
    [
      'with a partition that is being opened',
      { down: [{ partition: 1, reason: 'x', final: false }] },
      'partition_down',
    ],
  ])('E2: is degraded while a queue is %s, and says so', (_, over, code) => {
    const { status, reasons } = judged(over)
    expect({ status, codes: reasons.map((reason) => reason.code) }).toEqual({
      status: 'degraded',
      codes: [code],
    })
    expect(reasons[0]).toMatchObject({ queue: 'orders', level: 'degraded' })
  })

  it('E2: is unhealthy when the log has stopped, or a partition for good', () => {
    expect(judged({}, { state: 'stopped', reason: 'EIO' })).toMatchObject({
      status: 'unhealthy',
      reasons: [{ level: 'unhealthy', code: 'log_stopped', message: 'the log is stopped: EIO' }],
    })
    expect(judged({ down: [{ partition: 0, reason: 'defect', final: true }], size: 100 })).toMatchObject({
      status: 'unhealthy',
      reasons: [{ level: 'unhealthy' }, { level: 'degraded', code: 'queue_full' }],
    })
  })

  it('E2: does not judge a share by a handful of messages, and meets the objective when it is reached exactly', () => {
    expect(judged({ succeeded: 0, ended: 19 }).status).toBe('healthy')
    expect(judged({ succeeded: 0, ended: 20 }).status).toBe('degraded')
    expect(judged({ succeeded: 95, ended: 100 }).status).toBe('healthy')
  })

  it('B7: a paused queue is not late', () => {
    expect(judged({ paused: true, oldestClaimableAgeMs: 9_000_000 }).status).toBe('healthy')
  })
})
