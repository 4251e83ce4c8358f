// R65: programs of different versions in one cluster. The other version is this one with lines of its sources edited as it loads.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ClusterHouse } from '../support/cluster/clusterHouse.js'
import type { SourceEdit } from '../support/cluster/editedSources.js'
import type { ClusterNode } from '../support/cluster/node.js'

const TIMES = { heartbeatMs: 250, deadAfterMs: 1_250, tenureMs: 600_000 }
const WITHIN_MS = 240_000

/** From before there were cancellations. */
const KNOWS_NO_CANCELLATION: SourceEdit = {
  file: '/domain/message/codecs.js',
  find: "MessageCancelled: firstVersion('MessageCancelled',",
  replace: "MessageOfThePast: firstVersion('MessageOfThePast',",
}
/** From before the level of events that the cluster writes by now. */
const UNDERSTANDS_LESS: SourceEdit = {
  file: '/src/cluster/clusterNode.js',
  find: 'LEVEL = 2',
  replace: 'LEVEL = 1',
}

let house: ClusterHouse
beforeAll(async () => {
  house = await ClusterHouse.build({ seed: 2, nodes: 2, times: TIMES, probes: 0, probeEveryMs: 1_000 })
}, WITHIN_MS)
afterAll(() => house.leave({ keep: false }), WITHIN_MS)

const nodes = (): readonly [ClusterNode, ClusterNode] => house.nodes as unknown as [ClusterNode, ClusterNode]
/** What the node says of the unit, once it is so. */
const unitAt = async (asked: ClusterNode, unit: string, isSo: (node: string | undefined) => boolean) => {
  for (;;) {
    const told = (await house.told(asked))?.units.find((one) => one.unit === unit)
    if (told !== undefined && isSo(told.node)) return told
    await new Promise((turn) => setTimeout(turn, 50))
  }
}

test(
  'R65 a version that does not know an event leads no queue that has one, says so, and leaves its log as it is',
  async () => {
    const [newer, older] = nodes()
    await house.endNode(older)
    await unitAt(newer, 'queue/work', (node) => node === newer.name)
    const work = house.any.knownQueue('work')
    const { id } = await work.enqueue({ n: 1 })
    await work.cancel(id)
    const { id: waiting } = await work.enqueue({ n: 2 })
    await older.start([KNOWS_NO_CANCELLATION])
    await newer.kill()

    const declined = await unitAt(older, 'queue/work', (node) => node === undefined)
    expect(JSON.stringify(declined)).toContain('MessageCancelled')
    await unitAt(older, 'queue/jobs', (node) => node === older.name)
    expect((await house.any.knownQueue('jobs').enqueue({ n: 3, ms: 0, outcome: 'ack' })).duplicate).toBe(
      false,
    )
    await expect(house.any.knownQueue('work').enqueue({ n: 4 })).rejects.toMatchObject({
      code: 'unavailable',
    })

    await newer.start()
    await unitAt(newer, 'queue/work', (node) => node === newer.name)
    await house.whole()
    const again = house.any.knownQueue('work')
    expect((await again.claim({ worker: 'w', max: 10 })).map((message) => message.id)).toEqual([waiting])
  },
  WITHIN_MS,
)

test(
  'R65 a version that understands less than the cluster writes does not join, and says what to do',
  async () => {
    const [, older] = nodes()
    await house.endNode(older)
    const started = older.launch([UNDERSTANDS_LESS])
    expect(await started.ended).not.toBe(0)
    await older.ended()
    expect(started.complaints()).toMatch(/understands events up to level 1.*level 2: use a newer version/)
    await older.start()
    await house.whole()
  },
  WITHIN_MS,
)
