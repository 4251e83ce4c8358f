// Mistakes of several nodes on one log: whom they believe, what they give away, when they write what is new.
import type { PlantedBug } from './bug.js'

const DECIDE = 'domain/cluster/decide.ts'
const REACH = 'domain/cluster/reach.ts'
const NODE = 'src/cluster/clusterNode.ts'

export const CLUSTER_BUGS: ReadonlyArray<PlantedBug> = [
  {
    name: 'out-of-reach-and-keeps-its-queues',
    breaks: 'F2: any node answers for every queue, while one lives that can be reached',
    edits: [{ file: DECIDE, from: '      isMisplaced(apart, unit, self.node) &&\n', to: '      false &&\n' }],
    foundBy: 'test/cluster/outOfReach.test.ts',
  },
  {
    name: 'queues-for-a-node-out-of-reach',
    breaks: 'F2: nobody is given a queue whom others cannot reach',
    edits: [
      {
        file: DECIDE,
        from: 'leastLoaded(wellPlaced(apart, unit, able), loads) ?? leastLoaded(able, loads)',
        to: 'leastLoaded(able, loads)',
      },
    ],
    foundBy: 'test/domain/cluster/reach.test.ts',
  },
  {
    name: 'way-trusted-at-its-first-answer',
    breaks: 'F2: a way that comes and goes moves queues once',
    edits: [
      {
        file: REACH,
        from: 'isOver || (link.isUnsteady && steadyMs < times.steadyAfterMs)',
        to: 'isOver',
      },
    ],
    foundBy: 'test/cluster/outOfReach.test.ts',
  },
  {
    name: 'one-node-alone-is-believed',
    breaks: 'F2: a node whose own ways are cut takes no queue from another',
    edits: [{ file: REACH, from: '.length > live.size - 1\n', to: '.length > 0\n' }],
    foundBy: 'test/domain/cluster/reach.test.ts',
  },
  {
    name: 'level-raised-while-an-older-node-restarts',
    breaks: 'R65: an older node that is started again finds its place',
    edits: [
      {
        file: NODE,
        from: 'this.tenures.levelMs > LEVEL_SETTLES_TENURES * this.deps.times.tenureMs',
        to: 'this.tenures.levelMs >= 0',
      },
    ],
    foundBy: 'test/cluster/clusterNode.test.ts',
  },
  {
    name: 'fenced-and-fences-back',
    breaks: 'R21: whoever is fenced asks who leads before it opens anything anew',
    edits: [
      {
        file: NODE,
        from: "return this.phase === 'running' && this.owns(queueUnit(queue))",
        to: "return this.phase === 'running' && queue !== ''",
      },
    ],
    foundBy: 'test/cluster/ledgers.test.ts',
  },
]
