// R65: programs of different versions in one cluster. The other version is this one with lines of its sources edited as it loads.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RemoteLedger } from '../../src/client/connectLedger.js'
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
/** One that a test has of its own. */
let mixed: ClusterHouse | undefined
afterAll(() => mixed?.leave({ keep: false }), WITHIN_MS)

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

test(
  'R65 upgraded, written to and downgraded one by one, queues go from version to version and back under load, and nothing is lost',
  async () => {
    const older = [UNDERSTANDS_LESS]
    mixed = await ClusterHouse.build({
      seed: 2,
      nodes: 2,
      times: TIMES,
      probes: 2,
      probeEveryMs: 150,
      edits: older,
    })
    const [first, second] = mixed.nodes as [ClusterNode, ClusterNode]
    const at = mixed
    const levelIs = async (level: number): Promise<void> => {
      for (const node of at.nodes) while ((await at.told(node))?.level !== level);
    }
    at.startWorker()
    at.probes.go(at.ledgersBut(new Set()))
    at.load({ producers: 1, claimers: 1, operates: true }, 7)
    /** Its queues are led by the other one from then on, whichever version that is. */
    const becomes = async (node: ClusterNode, edits: ReadonlyArray<SourceEdit>): Promise<void> => {
      const other = node === first ? second : first
      await at.endNode(node)
      const units = (await at.told(other))?.units ?? []
      expect(units.filter((unit) => unit.node !== other.name)).toEqual([])
      const since = performance.now()
      at.probes.go([at.ledgersBut(new Set([node]))[0] as RemoteLedger])
      while (!at.probes.haveResumed(since)) await new Promise((turn) => setTimeout(turn, 20))
      await node.start(edits)
      await at.whole()
      at.probes.go(at.ledgersBut(new Set()))
    }
    await levelIs(1)
    await becomes(first, [])
    // An event that the older one does not know is not written while it is a member.
    await expect(at.any.knownQueue('after').resize(2)).rejects.toMatchObject({ code: 'cluster_too_old' })
    await becomes(second, older)
    // What the newer one has led and written goes to the older one, and nobody newer is left.
    await becomes(first, older)
    await levelIs(1)
    await at.drainQueues()
    await at.judge()
    expect(at.records.seen.get('probe told ok')).toBeGreaterThan(0)
  },
  WITHIN_MS,
)
