// What clients were told, held against the story that the log tells: an ok is in the log, a definite failure is not.
import type { LedgerEvent, RecordedBatch } from '../../domain/batch.js'
import { type Calls, type Rules, SETTLED_BY, Story } from './checkers.js'

/** 1: every ok is in the log, every definite failure is not. */
const checkEnqueues = (story: Story, calls: Calls): void => {
  const idPrefix = `orders.${story.partition}.`
  const ordinalsOf = (id: string): number[] =>
    id.startsWith(idPrefix)
      ? [Number.parseInt(id.slice(idPrefix.length), 36)]
      : [...story.ids].filter(([, callerId]) => callerId === id).map(([ordinal]) => ordinal)
  // Asked again, a message may come of either call: what one of them was told says nothing about the other.
  const asked = new Map<string, number>()
  for (const { messages } of calls.enqueues)
    for (const { payload } of messages) asked.set(payload, (asked.get(payload) ?? 0) + 1)
  for (const { told, partition, messages, results } of calls.enqueues) {
    if (partition !== story.partition) continue
    const isOnly = messages.every(({ payload }) => asked.get(payload) === 1)
    const found = messages.map(({ payload }) => story.byPayload.get(payload) ?? [])
    const edits = messages.map(({ payload }) => story.edits.get(payload))
    if (told === 'definite' && isOnly)
      story.must(
        found.flat().length === 0 && edits.every((ordinal) => ordinal === undefined),
        `1 a refused enqueue is in the log: ${messages.map(({ payload }) => payload)}`,
      )
    if (isOnly)
      for (const ordinals of found) story.must(ordinals.length <= 1, '1 one message was enqueued twice')
    if (told !== 'ok') continue
    results.forEach(({ id, duplicate, replaced }, index) => {
      const ordinals = found[index] ?? []
      const edited = edits[index]
      story.must((edited !== undefined) === (replaced === true), `A11 message ${id} and the log disagree`)
      if (edited !== undefined)
        story.must(ordinalsOf(id).includes(edited), `A11 id ${id} is of another message`)
      const isThere = ordinals.some((ordinal) => ordinalsOf(id).includes(ordinal))
      if (isOnly) story.must((ordinals.length === 0) === duplicate, `1 message ${id} and the log disagree`)
      if (!duplicate) story.must(isThere, `1 id ${id} is of another message`)
      else story.must(ordinalsOf(id).length > 0, `6 duplicate of ${id}, which is not there`)
    })
  }
}

const checkClaims = (story: Story, calls: Calls): void => {
  for (const { told, worker, repeats, given } of calls.claims) {
    if (told === 'definite' && !repeats)
      story.must(!story.workers.has(worker), `1 a refused claim of ${worker} started something`)
    for (const { partition, ordinal, fence, payload } of given) {
      if (partition !== story.partition) continue
      story.must(
        story.starts.has(`${ordinal}/${fence}`),
        `1 message ${ordinal} was handed out without an attempt`,
      )
      const due = story.starts.get(`${ordinal}/${fence}`)
      story.must(payload === due, `10 message ${ordinal} was given ${payload}, not ${due}`)
    }
  }
}

const checkChanges = (story: Story, calls: Calls): void => {
  const mayHave = new Set<string>()
  const name = (outcome: string, ordinal: number, fence: number): string =>
    `${SETTLED_BY[outcome]}/${ordinal}/${fence}`
  for (const { told, partition, ordinal, fence, outcome, accepted } of calls.settles) {
    if (partition !== story.partition) continue
    if (told === 'ok' && accepted)
      story.must(
        story.happened.has(name(outcome, ordinal, fence)),
        `1 ${outcome} of ${ordinal} is not in the log`,
      )
    if (told === 'unknown' || accepted) mayHave.add(name(outcome, ordinal, fence))
  }
  for (const { told, partition, ordinal, command, accepted } of calls.operates) {
    if (partition !== story.partition) continue
    if (told === 'ok' && accepted)
      story.must(
        story.happened.has(name(command, ordinal, 0)),
        `1 ${command} of ${ordinal} is not in the log`,
      )
    if (told === 'unknown' || accepted) mayHave.add(name(command, ordinal, 0))
  }
  const asked = new Set(Object.values(SETTLED_BY))
  for (const key of story.happened) {
    const [type, ordinal] = key.split('/') as [LedgerEvent['type'], string]
    if (type === 'MessagePurged' && story.unasked.has(Number(ordinal))) continue
    if (asked.has(type)) story.must(mayHave.has(key), `1 ${key} happened though nobody was told so`)
  }
}

/** All broken rules, empty when all is well; `left` = what is left at the end, by situation. */
export const checkPartitions = (
  logs: ReadonlyArray<ReadonlyArray<RecordedBatch>>,
  calls: Calls,
  rules: Rules,
): { broken: ReadonlyArray<string>; left: ReadonlyArray<string> } => {
  const stories = logs.map((batches, partition) => {
    const story = new Story(rules, calls, partition)
    story.tell(batches)
    checkEnqueues(story, calls)
    checkClaims(story, calls)
    checkChanges(story, calls)
    return story
  })
  const left = stories.flatMap(({ live }) => [...live.values()].map(({ situation }) => situation))
  return { broken: stories.flatMap(({ broken }) => broken), left }
}
