// Groups, gates and circuits over HTTP.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Hall, openHall } from './hall.js'

const QUEUE = '/api/v1/queues/orders'
let hall: Hall
beforeEach(async () => {
  hall = await openHall()
  await hall.ask('PUT', QUEUE, {})
})
afterEach(() => hall.close())

describe('switches over HTTP', () => {
  it('B7, C15, C6: are set and shown', async () => {
    const by = { who: 'ada', why: 'flood' }
    for (const path of ['groups/a:pause', 'gates/bank:close', 'circuits/eu:open'])
      expect((await hall.ask('POST', `${QUEUE}/${path}`, { by })).status).toBe(204)
    expect((await hall.ask('POST', `${QUEUE}/circuits/us:close`)).status).toBe(204)
    expect((await hall.ask('GET', `${QUEUE}/switches`)).json).toEqual({
      pausedGroups: ['a'],
      closedGates: ['bank'],
      forcedCircuits: { eu: 'open', us: 'closed' },
    })
    expect((await hall.ask('GET', `${QUEUE}/circuits`)).json).toMatchObject({
      circuits: [
        { circuit: 'eu', state: 'open', forced: 'open' },
        { circuit: 'us', state: 'closed', forced: 'closed' },
      ],
    })
    for (const path of ['groups/a:resume', 'gates/bank:open', 'circuits/eu:auto', 'circuits/us:auto'])
      expect((await hall.ask('POST', `${QUEUE}/${path}`)).status).toBe(204)
    expect((await hall.ask('GET', `${QUEUE}/switches`)).json).toEqual({
      pausedGroups: [],
      closedGates: [],
      forcedCircuits: {},
    })
    const { events } = await hall.ledger.events({ limit: 500 })
    expect(events.find(({ type }) => type === 'CircuitForced')?.data).toMatchObject({ by })
  })

  it.each(['customer:42', 'a/b', 'ä b', 'x:pause', '..', '100%', 'c'.repeat(256)])(
    'B7: take any name of a group: %s',
    async (group) => {
      const path = `${QUEUE}/groups/${encodeURIComponent(group)}`
      expect((await hall.ask('POST', `${path}:pause`)).status).toBe(204)
      expect((await hall.ask('GET', `${QUEUE}/switches`)).json).toMatchObject({ pausedGroups: [group] })
      expect((await hall.ask('POST', `${path}:resume`)).status).toBe(204)
    },
  )

  it('answer 404 for a queue that is not there, and refuse what they do not know', async () => {
    expect((await hall.ask('POST', '/api/v1/queues/none/gates/bank:close')).status).toBe(404)
    expect((await hall.ask('GET', '/api/v1/queues/none/circuits')).status).toBe(404)
    expect((await hall.ask('POST', `${QUEUE}/gates/bank:break`)).status).toBe(404)
    expect((await hall.ask('POST', `${QUEUE}/gates/bank:close`, { reason: 'x' })).status).toBe(400)
    expect((await hall.ask('POST', `${QUEUE}/gates/${encodeURIComponent('a\u0000b')}:close`)).status).toBe(
      422,
    )
  })
})
