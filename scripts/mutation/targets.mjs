// Which sources are measured, and by which tests: `own` are the tests of the folder (they are called first, and are the ones
// loaded anew for what a module does while it loads); `also` are tests that meet the same rules from further outside.

/** Twenty seeds of it; slow, so only when asked for. */
export const SIMULATION = 'test/simulation/engine.sim.test.ts'
const CODECS = 'test/domain/codecs.test.ts'
const PARTITION = ['test/projections/partition', 'test/projections/messageTable']

export const TARGETS = [
  {
    name: 'domain/message',
    own: ['test/domain/message', CODECS],
    also: ['test/domain', ...PARTITION, 'test/engine'],
  },
  { name: 'domain/retry', own: ['test/domain/retry'], also: ['test/domain'] },
  { name: 'domain/failure', own: ['test/domain/failure'], also: ['test/domain', 'test/worker'] },
  {
    name: 'domain/circuit',
    own: ['test/domain/circuit', CODECS],
    also: ['test/domain', 'test/projections/circuits'],
  },
  {
    name: 'domain/queue',
    own: ['test/domain/queue', CODECS],
    also: ['test/domain', ...PARTITION, 'test/engine', 'test/api'],
  },
  { name: 'domain/schedule', own: ['test/domain/schedule', CODECS], also: ['test/domain', 'test/schedules'] },
  { name: 'domain/wire', own: ['test/domain/wire', CODECS], also: ['test/domain', 'test/chain'] },
  { name: 'projections/partition', own: PARTITION, also: ['test/projections', 'test/engine'] },
  {
    name: 'projections/messageTable',
    own: PARTITION,
    also: ['test/projections', 'test/engine'],
  },
  {
    name: 'projections/ready',
    own: ['test/projections/ready'],
    also: ['test/projections', 'test/engine'],
  },
  {
    name: 'projections/lanes',
    own: ['test/projections/lanes'],
    also: ['test/projections', 'test/engine'],
  },
  {
    name: 'projections/limits',
    own: ['test/projections/limits'],
    also: ['test/projections', 'test/engine'],
  },
  {
    name: 'projections/groups',
    own: ['test/projections/groups'],
    also: ['test/projections', 'test/engine'],
  },
  {
    name: 'projections/circuits',
    own: ['test/projections/circuits'],
    also: ['test/projections', 'test/engine'],
  },
  { name: 'projections/dedup', own: ['test/projections/dedup'], also: ['test/projections', 'test/engine'] },
  {
    name: 'src/adapters/embedded',
    files: ['frames', 'recovery', 'scan', 'headMark'],
    own: ['test/adapters/embedded'],
    also: ['test/chain'],
  },
  {
    name: 'src/engine',
    files: ['decideEnqueue', 'decideRequests', 'decideGateWaits', 'overflow'],
    own: ['test/engine'],
    also: ['test/api'],
  },
]
