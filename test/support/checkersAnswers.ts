// What clients were told, held against the story that the log tells: an ok is in the log, a definite failure is not.
import type { LedgerEvent, RecordedBatch } from '../../domain/batch.js'
import { type Calls, type Rules, SETTLED_BY, Story } from './checkers.js'

/** 1: every ok is in the log, every definite failure is not. */
const checkAnswers = (story: Story, calls: Calls, idPrefix: string): void => {
  const ordinalOf = (id: string): number[] =>
    id.startsWith(idPrefix)
      ? [Number.parseInt(id.slice(idPrefix.length), 36)]
      : [...story.ids].filter(([, callerId]) => callerId === id).map(([ordinal]) => ordinal)
  for (const { told, messages, results } of calls.enqueues) {
    const found = messages.map(({ payload }) => story.byPayload.get(payload) ?? [])
    const edits = messages.map(({ payload }) => story.edits.get(payload))
    if (told === 'definite')
      story.must(
        found.flat().length === 0 && edits.every((ordinal) => ordinal === undefined),
        `1 a refused enqueue is in the log: ${messages.map(({ payload }) => payload)}`,
      )
    for (const ordinals of found) story.must(ordinals.length <= 1, '1 one message was enqueued twice')
    if (told !== 'ok') continue
    results.forEach(({ id, duplicate, replaced }, index) => {
      const [ordinal] = found[index] ?? []
      const edited = edits[index]
      story.must((edited !== undefined) === (replaced === true), `A11 message ${id} and the log disagree`)
      if (edited !== undefined)
        story.must(ordinalOf(id).includes(edited), `A11 id ${id} is of another message`)
      story.must((ordinal === undefined) === duplicate, `1 message ${id} and the log disagree`)
      if (ordinal !== undefined)
        story.must(ordinalOf(id).includes(ordinal), `1 id ${id} is of another message`)
      else story.must(ordinalOf(id).length > 0, `6 duplicate of ${id}, which is not there`)
    })
  }
  for (const { told, worker, repeats, given } of calls.claims) {
    if (told === 'definite' && !repeats)
      story.must(!story.workers.has(worker), '1 a refused claim started something')
    for (const { ordinal, fence, payload } of given) {
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
  for (const { told, ordinal, fence, outcome, accepted } of calls.settles) {
    if (told === 'ok' && accepted)
      story.must(
        story.happened.has(name(outcome, ordinal, fence)),
        `1 ${outcome} of ${ordinal} is not in the log`,
      )
    if (told === 'unknown' || accepted) mayHave.add(name(outcome, ordinal, fence))
  }
  for (const { told, ordinal, command, accepted } of calls.operates) {
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

/** All broken rules, empty when all is well; `live` = what is left at the end, by situation. */
export const checkLog = (
  batches: ReadonlyArray<RecordedBatch>,
  calls: Calls,
  rules: Rules,
  idPrefix: string,
): { broken: ReadonlyArray<string>; left: ReadonlyArray<string> } => {
  const story = new Story(rules, calls)
  story.tell(batches)
  checkAnswers(story, calls, idPrefix)
  checkChanges(story, calls)
  return { broken: story.broken, left: [...story.live.values()].map(({ situation }) => situation) }
}
