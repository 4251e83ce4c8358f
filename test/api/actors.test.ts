// Who acts stands in events, which must be readable again: what is no actor is refused before anything is recorded.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Actor, type Ledger, openLedger, type Queue } from '../../src/index.js'

let directory: string
let ledger: Ledger
const open = (): Promise<Ledger> =>
  openLedger({ log: { kind: 'embedded', path: directory }, logging: { enabled: false } })

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ledgerq-actors-'))
  ledger = await open()
})
afterEach(async () => {
  await ledger.close()
  await rm(directory, { recursive: true, force: true })
})

const NO_ACTORS: ReadonlyArray<unknown> = [
  'me',
  5,
  null,
  {},
  { who: 5 },
  { who: '' },
  { who: 'a\nb' },
  { who: '\ud800' },
  { who: 'x'.repeat(257) },
  { who: 'ann', why: 5 },
  { who: 'ann', why: 'x'.repeat(8_193) },
  { who: 'ann', from: {} },
]

type Asks = Readonly<Record<string, (queue: Queue<unknown>, id: string, by: Actor) => Promise<unknown>>>
const ASKS: Asks = {
  pause: (queue, _id, by) => queue.pause(by),
  resume: (queue, _id, by) => queue.resume(by),
  configure: (queue, _id, by) => queue.configure({ maxSize: 7 }, by),
  cancel: (queue, id, by) => queue.cancel(id, by),
  discard: (queue, id, by) => queue.discard(id, by),
  edit: (queue, id, by) => queue.edit(id, { payload: 2 }, by),
  clear: (queue, _id, by) => queue.clear({ by }),
  redrive: (queue, _id, by) => queue.redrive({ by }),
  'redrive by id': (queue, id, by) => queue.redrive({ ids: [id], by }),
  discardAll: (queue, _id, by) => queue.discardAll({ by }),
  pauseGroup: (queue, _id, by) => queue.pauseGroup('g', by),
  resumeGroup: (queue, _id, by) => queue.resumeGroup('g', by),
  'close a gate': (queue, _id, by) => queue.gate('g').close(by),
  'open a gate': (queue, _id, by) => queue.gate('g').open(by),
  forceCircuit: (queue, _id, by) => queue.forceCircuit('c', 'open', by),
  schedule: (queue, _id, by) => queue.schedule({ name: 's', everyMs: 60_000, payload: 1 }, by),
  unschedule: (queue, _id, by) => queue.unschedule('s', by),
  createQueue: (_queue, _id, by) => ledger.createQueue('other', {}, by),
  deleteQueue: (_queue, _id, by) => ledger.deleteQueue('orders', { evenIfNotEmpty: true, by }),
}

it('A4: an operation by whom nobody can name is refused with the field, and the log stays readable', async () => {
  const queue = await ledger.queue('orders')
  const { id, position } = await queue.enqueue(1)
  for (const [name, ask] of Object.entries(ASKS)) {
    for (const by of NO_ACTORS) {
      await expect(ask(queue, id, by as Actor), `${name} by ${JSON.stringify(by)}`).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringMatching(/^by(\.who|\.why|\.from)?: accepted is /),
      })
    }
  }
  expect((await queue.enqueue(2)).position).toBe(position + 1)

  await ledger.close()
  ledger = await open()
  expect((await (await ledger.openQueue('orders')).list()).messages).toHaveLength(2)
})

it('A4: of an actor only who, why and from are recorded', async () => {
  const queue = await ledger.queue('orders')
  const { id } = await queue.enqueue(1)
  await queue.cancel(id, { who: 'ann', why: 'two\nlines', from: 'here', secret: 'x' } as Actor)
  expect((await queue.history(id)).at(-1)?.data).toMatchObject({
    by: { who: 'ann', why: 'two\nlines', from: 'here' },
  })
  expect(JSON.stringify(await queue.history(id))).not.toContain('secret')
})
