// Schedules over HTTP: the routes, and what is refused with what is accepted. Nothing here is due while the test runs.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Hall, openHall } from './hall.js'

const SCHEDULES = '/api/v1/queues/orders/schedules'
const YEARLY = { cron: '0 3 1 1 *', timeZone: 'Europe/Berlin', payload: { kind: 'yearly' } }

let hall: Hall
beforeEach(async () => {
  hall = await openHall()
  await hall.ask('PUT', '/api/v1/queues/orders', {})
})
afterEach(() => hall.close())

describe('B5: schedules over HTTP', () => {
  it('are set, shown, listed, changed, paused and removed', async () => {
    const body = {
      ...YEARLY,
      missed: { kind: 'all', atMost: 2 },
      priority: 'high',
      by: { who: 'ada', why: 'taxes' },
    }
    const created = await hall.ask('PUT', `${SCHEDULES}/taxes`, body)
    expect(created).toMatchObject({
      status: 201,
      json: {
        name: 'taxes',
        queue: 'orders',
        cron: '0 3 1 1 *',
        priority: 10,
        missed: { atMost: 2 },
        enqueued: 0,
      },
    })
    expect((created.json as { nextTick: string }).nextTick).toMatch(/^\d{4}-01-01T02:00:00\.000Z$/)
    expect(await hall.ask('PUT', `${SCHEDULES}/taxes`, body)).toMatchObject({
      status: 200,
      json: created.json,
    })
    await hall.ask('PUT', `${SCHEDULES}/beat`, { everyMs: 86_400_000, payload: null, paused: true })
    expect(await hall.ask('GET', SCHEDULES)).toMatchObject({
      status: 200,
      json: { schedules: [{ name: 'beat', paused: true, everyMs: 86_400_000 }, { name: 'taxes' }] },
    })
    expect(await hall.ask('GET', `${SCHEDULES}/taxes`)).toMatchObject({ status: 200, json: created.json })
    const { json } = await hall.ask('GET', `${SCHEDULES}/taxes/preview?count=3`)
    expect((json as { ticks: string[] }).ticks.map((tick) => tick.slice(4))).toEqual(
      Array.from({ length: 3 }, () => '-01-01T02:00:00.000Z'),
    )
    const paused = await hall.ask('POST', `${SCHEDULES}/taxes:pause`, { by: { who: 'ada' } })
    expect(paused).toMatchObject({ status: 200, json: { paused: true } })
    expect(paused.json).not.toHaveProperty('nextTick')
    expect(await hall.ask('POST', `${SCHEDULES}/taxes:resume`)).toMatchObject({
      status: 200,
      json: { paused: false },
    })
    expect((await hall.ask('DELETE', `${SCHEDULES}/taxes?who=ada`)).status).toBe(204)
    for (const method of ['GET', 'DELETE'] as const)
      expect(await hall.ask(method, `${SCHEDULES}/taxes`)).toMatchObject({
        status: 404,
        json: { code: 'schedule_not_found' },
      })
    const { events } = await hall.ledger.events({ limit: 500 })
    const recorded = events.filter(({ type }) => type.startsWith('Schedule'))
    expect(recorded.map(({ type }) => type)).toEqual([
      'ScheduleSet',
      'ScheduleSet',
      'ScheduleSet',
      'ScheduleSet',
      'ScheduleRemoved',
    ])
    expect(recorded[0]?.data).toMatchObject({ by: { who: 'ada', why: 'taxes' } })
  })

  it('I10: keep their payload as it was sent', async () => {
    const text = '{"cron":"0 3 1 1 *","payload":{"n":1.10,"id":12345678901234567890}}'
    await hall.ask('PUT', `${SCHEDULES}/exact`, text, { 'content-type': 'application/json' })
    await hall.ask('POST', `${SCHEDULES}/exact:pause`)
    const { events } = await hall.ledger.events({ limit: 500 })
    for (const { type, data } of events.filter(({ type }) => type === 'ScheduleSet'))
      expect([type, (data as { schedule: unknown }).schedule]).toMatchObject([
        'ScheduleSet',
        { payloadText: '{"n":1.10,"id":12345678901234567890}' },
      ])
  })

  it.each([
    ['a name that is none', '%20', YEARLY, /name: accepted is letters/],
    ['a name of a hundred characters', 'x'.repeat(100), YEARLY, /name: accepted is letters/],
    [
      'an expression that is none',
      'a',
      { ...YEARLY, cron: '0 25 * * *' },
      /cron: accepted is five fields.*hour/,
    ],
    ['an expression that never comes true', 'a', { ...YEARLY, cron: '0 0 31 4 *' }, /never/],
    ['a zone that is none', 'a', { ...YEARLY, timeZone: 'Europe/Nowhere' }, /timeZone: accepted is the name/],
    ['no times', 'a', { payload: 1 }, /one of cron and everyMs/],
    ['times of two kinds', 'a', { ...YEARLY, everyMs: 1_000 }, /one of cron and everyMs/],
    ['a zone without an expression', 'a', { payload: 1, everyMs: 1_000, timeZone: 'UTC' }, /timeZone/],
    ['a beginning with an expression', 'a', { ...YEARLY, from: '2026-11-22T12:00:00Z' }, /from/],
    [
      'an interval that is too short',
      'a',
      { payload: 1, everyMs: 999 },
      /everyMs: accepted is a whole number/,
    ],
    ['a policy that is none', 'a', { ...YEARLY, missed: 'sometimes' }, /missed: accepted is "skip"/],
    ['a policy without a bound', 'a', { ...YEARLY, missed: { kind: 'all', atMost: 0 } }, /atMost/],
    [
      'an end before the beginning',
      'a',
      { ...YEARLY, startAt: 2_000, endAt: 1_000 },
      /endAt: accepted is an instant/,
    ],
    ['an instant without a zone', 'a', { ...YEARLY, startAt: '2026-11-22T12:00:00' }, /startAt/],
    ['a priority out of range', 'a', { ...YEARLY, priority: 5_000 }, /priority/],
    ['a payload that is too large', 'a', { ...YEARLY, payload: 'x'.repeat(300_000) }, /payload/i],
  ])('are refused with %s, and say what is accepted', async (_, name, body, says) => {
    const refused = await hall.ask('PUT', `${SCHEDULES}/${name}`, body)
    expect(refused.status).toBe(422)
    expect((refused.json as { detail: string }).detail).toMatch(says)
  })

  it('are refused with a field that nobody knows', async () => {
    expect(await hall.ask('PUT', `${SCHEDULES}/a`, { ...YEARLY, timezone: 'UTC' })).toMatchObject({
      status: 400,
    })
    expect(await hall.ask('GET', `${SCHEDULES}/none/preview`)).toMatchObject({ status: 404 })
    await hall.ask('PUT', `${SCHEDULES}/a`, YEARLY)
    expect(await hall.ask('GET', `${SCHEDULES}/a/preview?count=9999`)).toMatchObject({ status: 422 })
    expect(await hall.ask('GET', '/api/v1/queues/none/schedules')).toMatchObject({ status: 404 })
  })
})
