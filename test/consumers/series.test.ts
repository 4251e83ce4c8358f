// E7: what Prometheus is shown: well-formed, complete in the docs, with labels that no sender can break out of or multiply.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../domain/batch.js'
import { LedgerTotals } from '../../projections/topic/ledgerTotals.js'
import { Exposition } from '../../src/consumers/metrics/exposition.js'
import { expositionOf, type ReaderCondition } from '../../src/consumers/metrics/series.js'
import { startReaderServer } from '../../src/consumers/readerServer.js'

const READER: ReaderCondition = {
  lag: [3, 0],
  isConnected: true,
  gaps: 1,
  repeats: 2,
  lastEventAt: 1_500,
  savedAt: 2_500,
}
const ofMessage = { ordinal: 1, callerId: undefined }
const lease = { ...ofMessage, fence: 1 }
const EVENTS: ReadonlyArray<LedgerEvent> = [
  { type: 'PartitionOpened', epoch: 1, node: 'n', incarnation: 'i' },
  {
    type: 'MessageEnqueued',
    ...ofMessage,
    payload: '1',
    priority: 0,
    notBefore: 0,
    expiresAt: 0,
    attributes: undefined,
  },
  {
    type: 'AttemptStarted',
    ...lease,
    attempt: 1,
    leaseMs: 1,
    worker: 'w',
    claimId: undefined,
    zone: undefined,
  },
  { type: 'AttemptFailed', ...lease, failureType: 'NETWORK', message: 'm', ended: 'reported' },
  { type: 'MessageDeadLettered', ...ofMessage, reason: 'notRetryable', followUps: undefined },
  { type: 'MessagePurged', ...ofMessage, by: undefined, cause: 'operator' },
]
const told = (): LedgerTotals => {
  const totals = new LedgerTotals()
  for (const [revision, event] of EVENTS.entries())
    totals.hear({ stream: 'partition-orders~1.0', revision, at: 1_000 + 40 * revision, event }, false)
  return totals
}
const shown = expositionOf(told(), READER)
const samples = shown.split('\n').filter((line) => line !== '' && !line.startsWith('#'))

describe('what Prometheus is shown (E7)', () => {
  it('says for each series what it is, once, and spells each sample as the format asks', () => {
    const types = new Map(
      [...shown.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
    )
    const helps = [...shown.matchAll(/^# HELP (\S+) .+$/gm)].map(([, name]) => name)
    expect(helps).toEqual([...types.keys()])
    for (const sample of samples) {
      const [, name = ''] =
        /^([a-z_]+)(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? -?\d+(?:\.\d+)?$/.exec(sample) ?? []
      const base = types.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '')
      expect([sample, types.has(base)]).toEqual([sample, true])
      if (types.get(base) === 'counter') expect(base).toMatch(/^ledgerq_.*_total$/)
      if (types.get(base) === 'histogram') expect(base).toMatch(/_seconds$/)
    }
  })

  it('shows what happened, by queue, failure type, reason and cause', () => {
    for (const line of [
      'ledgerq_messages_enqueued_total{queue="orders"} 1',
      'ledgerq_attempts_failed_total{queue="orders",failure_type="NETWORK"} 1',
      'ledgerq_messages_dead_lettered_total{queue="orders",reason="notRetryable"} 1',
      'ledgerq_messages_purged_total{queue="orders",cause="operator"} 1',
      'ledgerq_messages{queue="orders",state="dead"} 0',
      'ledgerq_message_wait_seconds_bucket{queue="orders",le="0.035"} 0',
      'ledgerq_message_wait_seconds_bucket{queue="orders",le="0.086"} 1',
      'ledgerq_message_wait_seconds_bucket{queue="orders",le="+Inf"} 1',
      'ledgerq_message_wait_seconds_sum{queue="orders"} 0.04',
      'ledgerq_events_total{type="AttemptFailed"} 1',
      'ledgerq_metrics_lag_records{partition="0"} 3',
      'ledgerq_metrics_gaps_total 1',
      'ledgerq_metrics_last_event_timestamp_seconds 1.5',
    ])
      expect(samples).toContain(line)
  })

  it('is all in docs/metrics.md, and nothing else is', () => {
    const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
    const inDocs = [...page.matchAll(/^\| `(ledgerq_[a-z_]+)` \| (\w+) \|/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    )
    const inCode = [...shown.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`)
    expect(inDocs.toSorted()).toEqual(inCode.toSorted())
  })

  it('escapes what stands in a label', () => {
    const exposition = new Exposition()
    exposition.add('a_total', 'counter', 'A', [[{ of: 'x"} 9\n\\' }, 1]])
    expect(exposition.text()).toBe(
      '# HELP a_total A\n# TYPE a_total counter\na_total{of="x\\"} 9\\n\\\\"} 1\n',
    )
  })
})

describe('the door of a reader (E7, E8)', () => {
  const open = (token: string | undefined, trouble: string | undefined = undefined) =>
    startReaderServer({ host: '127.0.0.1', port: 0, token, metrics: () => shown, trouble: () => trouble })

  it('tells numbers to whoever has the token, and life and readiness to everybody', async () => {
    const { url, close } = await open('secret')
    try {
      const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
        fetch(`${url}${path}`, { headers, method })
      expect((await ask('/metrics')).status).toBe(401)
      expect((await ask('/metrics', { authorization: 'Bearer other' })).status).toBe(401)
      const answer = await ask('/metrics', { authorization: 'Bearer secret' })
      expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
        200,
        'text/plain; version=0.0.4; charset=utf-8',
        shown,
      ])
      expect((await ask('/livez')).status).toBe(200)
      expect((await ask('/readyz')).status).toBe(200)
      expect((await ask('/other')).status).toBe(404)
      expect((await ask('/metrics', {}, 'POST')).status).toBe(405)
    } finally {
      await close()
    }
  })

  it('is not ready while there is trouble, and says which; without a token no other site is served', async () => {
    const { url, close } = await open(undefined, 'the brokers do not answer')
    try {
      const ready = await fetch(`${url}/readyz`)
      expect([ready.status, await ready.json()]).toEqual([
        503,
        { status: 'not ready', reason: 'the brokers do not answer' },
      ])
      expect((await fetch(`${url}/metrics`)).status).toBe(200)
      expect(
        (await fetch(`${url}/metrics`, { headers: { origin: 'http://elsewhere.example' } })).status,
      ).toBe(403)
    } finally {
      await close()
    }
  })
})
