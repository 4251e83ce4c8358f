// Which sources are measured, and by which tests. Folders whose rules meet in the same tests are measured together. `own` are
// their tests (called first, and the ones loaded anew for what a module does while it loads); `also` are tests that meet the
// same rules from further outside.

/** Twenty seeds of it; slow, so only when asked for. */
export const SIMULATION = 'test/simulation/engine.sim.test.ts'
const CODECS = ['test/domain/codecs.test.ts', 'test/domain/storedForm.test.ts']
const ENGINE = 'test/engine'

export const TARGETS = [
  {
    folders: ['domain/message'],
    own: ['test/domain/message', ...CODECS],
    also: ['test/domain', 'test/projections/partition', ENGINE],
  },
  { folders: ['domain/retry'], own: ['test/domain/retry'], also: ['test/domain'] },
  { folders: ['domain/failure'], own: ['test/domain/failure'], also: ['test/domain', 'test/worker'] },
  {
    folders: ['domain/circuit'],
    own: ['test/domain/circuit', ...CODECS],
    also: ['test/domain', 'test/projections/circuits'],
  },
  { folders: ['domain/queue'], own: ['test/domain/queue', ...CODECS], also: ['test/domain', ENGINE] },
  { folders: ['domain/schedule'], own: ['test/domain/schedule', ...CODECS], also: ['test/domain'] },
  { folders: ['domain/wire'], own: ['test/domain/wire', ...CODECS], also: ['test/domain', 'test/chain'] },
  {
    folders: ['projections/partition', 'projections/messageTable'],
    own: ['test/projections/partition', 'test/projections/messageTable'],
    also: ['test/projections', ENGINE],
  },
  {
    folders: [
      'projections/ready',
      'projections/lanes',
      'projections/limits',
      'projections/groups',
      'projections/circuits',
    ],
    own: [
      'test/projections/ready',
      'test/projections/lanes',
      'test/projections/limits',
      'test/projections/groups',
      'test/projections/circuits',
    ],
    also: ['test/projections/partition', ENGINE],
  },
  { folders: ['projections/dedup'], own: ['test/projections/dedup'], also: ['test/projections/partition'] },
  {
    folders: ['src/adapters/embedded'],
    files: ['frames', 'recovery', 'scan', 'headMark'],
    own: ['frames', 'headMark', 'recovery', 'recoverySteps', 'scan'].map(
      (name) => `test/adapters/embedded/${name}.test.ts`,
    ),
    also: ['test/adapters/embedded', 'test/chain'],
  },
  {
    folders: ['src/engine'],
    files: ['decideEnqueue', 'decideRequests', 'decideGateWaits', 'overflow'],
    own: [
      ...['decideEnqueue', 'decideGateWaits', 'decideRequests', 'overflow'],
      ...['capacity', 'duplicates', 'replacing', 'cancelling'],
    ].map((name) => `${ENGINE}/${name}.test.ts`),
    also: [ENGINE, 'test/api/gateWaits.test.ts', 'test/projections/partition'],
  },
]
