// A cluster of real processes on one log, struck in the ways that `npm run cluster` knows, each held against what clients were told;
// then it is healed, has to drain, and the whole log is judged by the checkers of the simulation. How long a queue takes no write is
// measured by the script, on a machine that has nothing else to do; here it has to take them again, and that is all.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ClusterRun } from '../support/cluster/clusterRun.js'
import type { StrikeKind } from '../support/cluster/strikes.js'

const TIMES = { heartbeatMs: 250, deadAfterMs: 1_250, tenureMs: 1_000 }
const LOAD = { producers: 1, claimers: 1, operates: true }
const NODES = 2
const STARTS_WITHIN_MS = 240_000
const STRIKES_WITHIN_MS = 600_000

let run: ClusterRun
let seed = 0
beforeAll(async () => {
  run = await ClusterRun.begin({ seed: 2, nodes: NODES, times: TIMES, probes: 3, probeEveryMs: 150 }, LOAD)
}, STARTS_WITHIN_MS)
afterAll(() => run.leave(), STARTS_WITHIN_MS)

const struckBy = async (...kinds: ReadonlyArray<StrikeKind>): Promise<void> => {
  for (const kind of kinds) {
    seed += 1
    await run.run({ seed, kind, whom: 'owner' })
    expect(run.house.records.seen.get(kind)).toBeGreaterThan(0)
  }
}
const rule = (sentence: string, ...kinds: ReadonlyArray<StrikeKind>): void =>
  test(sentence, () => struckBy(...kinds), STRIKES_WITHIN_MS)

rule('R39 killed, a node loses its queues to the others, and nothing that was acknowledged', 'killed')
rule('R21 R37 frozen until others lead its queues, and let go, a node writes nothing more to them', 'frozen')
rule(
  'R36 a node whose log does not answer any more loses its queues, and late requests change nothing',
  'log silent',
)
rule(
  'R34 R35 appends that arrive and are answered late, or never, are there once, and nobody was told otherwise',
  'log answers lost',
  'log answers dropped',
)
rule(
  'R38 a conflict with what was written by ourselves is a success, and is told as one',
  'appends forgotten',
)
rule(
  'R35 appends that arrive after their writer was killed and replaced are refused, and nothing of them appears',
  'appends late',
)
rule(
  'F2 a node that lives and that others cannot reach hands its queues over, and all nodes answer for all of them',
  'peers silent',
  'others cut',
)
rule('R18 clocks that differ by minutes and are set while they run change no fence and no lease', 'clock set')
rule(
  'R39 R61 one node after the other is told to end under load, hands its queues over, ends by itself and is started again',
  'rolling restart',
)
rule('R34 R36 the log away or frozen for a while, all nodes go on with it', 'log away', 'log frozen')
rule(
  'R23 R24 a worker of the whole cluster killed or frozen in a job loses it to another',
  'worker killed',
  'worker frozen',
)

test(
  'I1 I3 I4 I6 healed, everything drains, and the whole log keeps every promise',
  async () => {
    await run.end()
    expect(run.house.records.seen.get('drained')).toBe(1)
  },
  STRIKES_WITHIN_MS,
)
