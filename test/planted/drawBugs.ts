// Mistakes in what a run may draw beside the usual: payloads that lie beside the log, messages that are told apart by what they
// hold, circuits that open on a share, damage that is met while the engine runs, looks back, and reads of what has finished.
import type { PlantedBug } from './bug.js'

const BLOBS = 'src/engine/blobPayloads.ts'
const CONTENT = 'src/door/contentKey.ts'
const CIRCUIT = 'domain/circuit/machine.ts'

export const DRAW_BUGS: ReadonlyArray<PlantedBug> = [
  {
    name: 'blob-named-before-it-is-there',
    breaks: 'A12: a payload is durable in the store before an event names it',
    edits: [
      {
        file: BLOBS,
        from: "import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'",
        to: "import { createHash } from 'node:crypto'\nimport { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'",
      },
      {
        file: BLOBS,
        from: '  const put = await answerOf(() => store.put(Buffer.from(message.payload)))\n  if (isLeft(put)) return put\n',
        to: "  void store.put(Buffer.from(message.payload))()\n  const location = createHash('sha256').update(message.payload).digest('hex')\n  const put = { right: { sha256: location, bytes: message.payload.length, location } }\n",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'failed-put-enqueued-all-the-same',
    breaks: 'A12: when the store fails nothing is enqueued',
    edits: [
      {
        file: BLOBS,
        from: '  if (isLeft(put)) return put\n',
        to: '  if (isLeft(put)) return right({ ...message, payload: IN_PLACE })\n',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'lost-blob-said-to-be-out-of-reach',
    breaks: 'A12: what is lost or altered is a failure of the system, which nobody retries',
    edits: [
      {
        file: BLOBS,
        from: "failureType: passes ? 'RESOURCE' : SYSTEM_FAILURE,",
        to: "failureType: 'RESOURCE',",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'handed-out-without-its-payload',
    breaks: 'I10: a payload comes back as it was accepted, or not at all',
    edits: [
      {
        file: BLOBS,
        from: "  const passes = found.left.type === 'BlobUnavailable'\n",
        to: "  const passes = found.left.type === 'BlobUnavailable'\n  if (passes) return right(delivery)\n",
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'content-as-it-is-written',
    breaks: 'A6: the order of fields says nothing about the content',
    edits: [{ file: CONTENT, from: 'hash.update(canonicalText(payload))', to: 'hash.update(payload)' }],
    foundBy: 'simulation',
  },
  {
    name: 'content-by-its-length',
    breaks: 'A6: only what holds the same is a duplicate',
    edits: [
      {
        file: CONTENT,
        from: 'hash.update(canonicalText(payload))',
        to: 'hash.update(String(canonicalText(payload).length))',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'share-of-failures-ignored',
    breaks: 'C6: an adaptive circuit opens when half of the calls have failed',
    edits: [
      {
        file: CIRCUIT,
        from: 'Math.max(SHARE_FAILURES_MIN, Math.ceil(calls * FAILURE_SHARE))',
        to: 'settings.failureThreshold',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'successes-are-no-calls',
    breaks: 'C6: the share is one of all calls, successes too',
    edits: [
      {
        file: CIRCUIT,
        from: '      const failures = failuresInWindow(state, at, settings.windowMs)\n      return { ...state, failures, calls: withOneCall(state, at, settings) }\n',
        to: '      const failures = failuresInWindow(state, at, settings.windowMs)\n      return { ...state, failures }\n',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'finished-unknown-while-it-is-looked-up',
    breaks: '§4.9: a finished message is known, however far its register has come',
    edits: [
      {
        file: 'src/api/queue/queueReads.ts',
        from: '  await finishedAreKnown(home)\n  return find()\n',
        to: '  return home === undefined ? undefined : find()\n',
      },
    ],
    foundBy: 'test/api/finishedAfterStart.test.ts',
  },
  {
    name: 'redriven-with-its-failure',
    breaks: 'I6: the state as of any revision is what the log says',
    edits: [
      {
        file: 'projections/partition/messageFold.ts',
        from: '    table.setFailureType(slot, undefined)\n',
        to: '',
      },
    ],
    foundBy: 'simulation',
  },
]
