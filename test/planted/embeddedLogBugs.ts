// Mistakes between the log and the disk. Those that a named test finds need a block in a wrong place, or so rare a moment that the
// simulation meets it only once in many hundred seeds.
import type { PlantedBug } from './bug.js'

const FOLDER = 'src/adapters/embedded'
const WRITER = `${FOLDER}/frameWriter.ts`
const RECOVERY = `${FOLDER}/recovery.ts`
const QUEUE = `${FOLDER}/commitQueue.ts`
const TRUNCATION = `${FOLDER}/truncation.ts`
const SNAPSHOTS = `${FOLDER}/snapshots.ts`

const edit = (file: string, from: string, to: string): PlantedBug['edits'][number] => ({ file, from, to })

type Row = readonly [name: string, breaks: string, ...edits: ReadonlyArray<PlantedBug['edits'][number]>]

const FOUND_BY_SIMULATION: ReadonlyArray<Row> = [
  [
    'frame-answered-before-its-sync',
    'I1: ok is durable',
    edit(WRITER, '    this.disk.datasync(this.fd)\n', ''),
  ],
  [
    'head-mark-before-the-frame',
    'R03: the mark stands at what is durable',
    edit(
      WRITER,
      '    this.disk.write(this.fd, frame, offset)\n',
      '    const early = viewOf(frame)\n    const at = getU64(early, 56) + early.getUint32(68, true)\n    this.headMark.write({ frame: getU64(early, 48), nextPosition: at, segment, end: offset + frame.length, hash })\n    this.disk.write(this.fd, frame, offset)\n',
    ),
  ],
  [
    'failed-sync-tried-again',
    'R08: nothing is synced twice after a failed sync',
    edit(
      WRITER,
      '    this.disk.datasync(this.fd)\n',
      '    try {\n      this.disk.datasync(this.fd)\n    } catch {\n      this.disk.datasync(this.fd)\n    }\n',
    ),
  ],
  [
    'short-write-taken-for-whole',
    'R09: a short write goes on where it stopped',
    edit(
      `${FOLDER}/disk.ts`,
      '    interruptions.reset()\n    done += written\n',
      '    interruptions.reset()\n    done = bytes.length\n',
    ),
  ],
  [
    'tail-above-the-mark-not-rewritten',
    'R03: what is served after a start is durable',
    edit(
      RECOVERY,
      '        this.disk.write(fd, bytes, from)\n        this.disk.datasync(fd)\n',
      '        this.disk.read(fd, bytes, from)\n',
    ),
  ],
  [
    'hash-of-a-frame-not-checked',
    'R05: a flipped bit is refused',
    edit(`${FOLDER}/scan.ts`, 'if (options.hashesChecked && !hashHolds(frame))', 'if (frame.length === 0)'),
  ],
  [
    'torn-tail-taken-for-corruption',
    'R04: a commit that was interrupted is cut off',
    edit(
      RECOVERY,
      'if (end.rest.frameBehind || this.mark.frame >= this.place.frame) this.refuseBroken(broken)',
      'this.refuseBroken(broken)',
    ),
  ],
  [
    'corruption-taken-for-a-torn-tail',
    'R05: damage to what was durable is refused',
    edit(
      RECOVERY,
      'if (end.rest.frameBehind || this.mark.frame >= this.place.frame) this.refuseBroken(broken)',
      'if (end.rest.frameBehind) this.refuseBroken(broken)',
    ),
    edit(RECOVERY, 'if (this.mark.frame < this.place.frame) return\n', 'if (this.mark.frame >= 0) return\n'),
  ],
  [
    'names-of-a-dead-process-not-synced',
    'R03: nothing rests on a name that may vanish',
    edit(
      RECOVERY,
      '    this.disk.syncDirectory(this.options.segmentsFolder)\n    const numbers',
      '    const numbers',
    ),
    edit(`${FOLDER}/eventLog.ts`, '  await files.syncFolder(directory)\n  const marks', '  const marks'),
  ],
  [
    'segment-folder-not-synced-after-its-rename',
    'R03: a segment is there before a commit stands in it',
    edit(
      `${FOLDER}/segments.ts`,
      '    await files.rename(unfinished, path)\n    await files.syncFolder(directory)\n',
      '    await files.rename(unfinished, path)\n',
    ),
  ],
  [
    'marks-not-synced-after-their-rename',
    'R03: a truncation that was answered stays',
    edit(
      `${FOLDER}/directory.ts`,
      '  await files.rename(unfinished, join(directory, name))\n  await files.syncFolder(directory)\n',
      '  await files.rename(unfinished, join(directory, name))\n',
    ),
  ],
  [
    'marks-written-late',
    'R03: marks are durable before a segment goes',
    edit(
      TRUNCATION,
      '    await writeMarks(this.files, this.directory, { streams, dropped })\n    this.dropped = dropped\n',
      '    this.dropped = dropped\n',
    ),
    edit(
      TRUNCATION,
      '    if (going.length > 0) await this.files.syncFolder(this.segmentsFolder)\n',
      '    if (going.length > 0) await this.files.syncFolder(this.segmentsFolder)\n    await writeMarks(this.files, this.directory, { streams, dropped })\n',
    ),
  ],
  [
    'low-mark-never-saved',
    'R03: a truncation that was answered stays',
    edit(TRUNCATION, '      this.raised += 1\n', ''),
  ],
  [
    'snapshot-renamed-before-its-sync',
    'R03: a snapshot that was answered stays',
    edit(SNAPSHOTS, '    await file.sync()\n', ''),
  ],
  [
    'snapshot-folder-not-synced',
    'R03: a snapshot that was answered stays',
    edit(
      SNAPSHOTS,
      '      await files.rename(unfinished, path)\n      await files.syncFolder(folder)\n',
      '      await files.rename(unfinished, path)\n',
    ),
  ],
  [
    'enqueues-take-the-reserve',
    'R07: acks go on when the disk is full',
    edit(QUEUE, '(isGrowth ? this.options.reserveBytes : 0)', '0'),
  ],
  [
    'no-second-try-for-a-segment',
    'R07: serving again when there is room',
    edit(
      `${FOLDER}/segmentSupply.ts`,
      'this.running = this.tryOnce(segment)\n      })',
      'this.used = 1\n      })',
    ),
  ],
  [
    'commit-in-flight-told-as-definite',
    'I1: a definite failure never shows up in the log',
    edit(
      QUEUE,
      'this.settle(pending, E.left(outcomeUnknown(reason)))',
      'this.settle(pending, E.left(stopped(reason)))',
    ),
  ],
  [
    'repeat-not-recognised',
    'I2: a repeat is answered as the first time',
    edit(
      `${FOLDER}/eventLog.ts`,
      'there.batchId !== batch.batchId)',
      'there.batchId !== `${batch.batchId}.`)',
    ),
  ],
  [
    'answers-in-another-order',
    'I1: ok says where the batch stands',
    edit(
      QUEUE,
      'for (const pending of placed) {\n      const {',
      'for (const pending of placed.toReversed()) {\n      const {',
    ),
  ],
]

export const EMBEDDED_LOG_BUGS: ReadonlyArray<PlantedBug> = [
  ...FOUND_BY_SIMULATION.map(
    ([name, breaks, ...edits]): PlantedBug => ({ name, breaks, edits, foundBy: 'simulation' }),
  ),
  {
    name: 'chain-not-checked',
    breaks: 'R06: an old block in a new place is refused',
    edits: [
      edit(
        `${FOLDER}/scan.ts`,
        'return sameBytes(previousHashOf(frame), place.previousHash)\n',
        'return previousHashOf(frame).length === place.previousHash.length\n',
      ),
      edit(`${FOLDER}/scan.ts`, 'if (head.frame !== place.frame)', 'if (head.frame < 0)'),
      edit(`${FOLDER}/scan.ts`, 'if (head.position !== place.position)', 'if (head.position < 0)'),
      edit(
        `${FOLDER}/scan.ts`,
        'return sameBytes(section.previousDigest, stream.digest)',
        'return section.events > 0',
      ),
    ],
    foundBy: 'test/adapters/embedded/recovery.test.ts',
  },
  {
    name: 'heads-of-truncated-streams-forgotten',
    breaks: 'I1: no revision is given twice',
    edits: [edit(RECOVERY, '    this.headsFromMarks()\n', '')],
    foundBy: 'test/adapters/embedded/recovery.test.ts',
  },
  {
    name: 'one-slot-of-the-head-mark-at-a-start',
    breaks: 'R03: one of the head marks is always whole',
    edits: [edit(`${FOLDER}/headMark.ts`, 'of [first, SLOT_SPACING_BYTES - first]', 'of [found.slotAt]')],
    foundBy: 'test/adapters/embedded/recovery.test.ts',
  },
  {
    name: 'refused-append-not-told-to-a-close',
    breaks: 'R07: a log on a full disk closes',
    edits: [
      edit(
        QUEUE,
        '    // Refused, they were perhaps the last that a close waited for.\n    this.tellIdle()\n',
        '',
      ),
    ],
    foundBy: 'test/adapters/embedded/onSimulatedDisk.test.ts',
  },
]
