// What clients were told, held against the story that the log tells: an ok is in the log, a definite failure is not.
import type { LedgerEvent, RecordedBatch } from '../../domain/batch.js'
import { type Rules, SETTLED_BY, Story } from './checkers.js'
import type { AskedMessage, Calls } from './checkersCalls.js'
import { tellTogether } from './checkersLayouts.js'
import { matches } from './checkersOperated.js'

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
    const isPlain = messages.every(
      ({ callerId, attributes }) =>
        callerId === undefined &&
        attributes?.dedupKey === undefined &&
        attributes?.idempotencyKey === undefined,
    )
    const isWhole = found.every((ordinals) => ordinals.length === found[0]?.length)
    if (isPlain) story.must(isWhole, `1 half of a call: ${messages.map(({ payload }) => payload)}`)
    if (told !== 'ok') continue
    results.forEach(({ id, duplicate, replaced }, index) => {
      const ordinals = found[index] ?? []
      const edited = edits[index]
      if (isOnly)
        story.must((edited !== undefined) === (replaced === true), `A11 message ${id} and the log disagree`)
      if (isOnly && edited !== undefined)
        story.must(ordinalsOf(id).includes(edited), `A11 id ${id} is of another message`)
      const isThere = ordinals.some((ordinal) => ordinalsOf(id).includes(ordinal))
      if (isOnly) story.must((ordinals.length === 0) === duplicate, `1 message ${id} and the log disagree`)
      if (!duplicate) story.must(isThere, `1 id ${id} is of another message`)
      else story.must(ordinalsOf(id).length > 0, `6 duplicate of ${id}, which is not there`)
      const one = messages[index]
      if (duplicate && one?.byContent === true && isByKeyAlone(one))
        story.contents.mustHaveHeld(ordinalsOf(id), one.payload)
    })
  }
}

/** Neither its id nor the name of the call can be why it is a duplicate. */
const isByKeyAlone = ({ callerId, attributes }: AskedMessage): boolean =>
  callerId === undefined && attributes?.idempotencyKey === undefined

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
    if (story.named.has(key)) continue
    if (asked.has(type)) story.must(mayHave.has(key), `1 ${key} happened though nobody was told so`)
  }
}

/** C16, A8: what was told of a call with a name is what it has done in all partitions. */
const checkNamed = (stories: ReadonlyArray<Story>, calls: Calls): ReadonlyArray<string> => {
  const broken: string[] = []
  const madeBy = (who: string): number =>
    stories.reduce((sum, { operated }) => sum + (operated.made.get(who) ?? 0), 0)
  for (const { told, who } of calls.edits)
    if (told === 'ok' && madeBy(who) !== 1) broken.push(`A11 ${who} was told ok, and is not in the log`)
  const counted = [
    ...calls.sweeps.map(({ told, done, who, command }) => ({ told, done, who, command })),
    ...calls.reruns.map(({ told, done, operation }) => ({ told, done, who: operation, command: 'rerun' })),
  ]
  for (const { told, done, who, command } of counted) {
    const made = madeBy(who)
    // What has been purged meanwhile counts as done: it is what was asked for.
    const isSo = made === done || (made < done && (command === 'clear' || command === 'discard'))
    if (told === 'ok' && !isSo) broken.push(`A8 ${who} was told ${done}, and made ${made}`)
    if (told === 'definite' && made > 0) broken.push(`A8 ${who} was refused, and made ${made}`)
  }
  const succeeded = new Map(stories.flatMap((story) => [...story.succeeded]))
  for (const { origin, payload } of stories.flatMap(({ operated }) => operated.again)) {
    const first = succeeded.get(origin)
    if (first !== undefined && first !== payload)
      broken.push(`C16 ${origin} runs again with ${payload}, not ${first}`)
  }
  return broken
}

/** A10: a history is what the log says of the message, from its beginning. */
const checkHistories = (story: Story, calls: Calls): void => {
  for (const { told, partition, id, ordinal, revisions, isDenied } of calls.histories) {
    // §4.9: finished or not, the log has it.
    if (partition === story.partition)
      story.must(!isDenied, `A10 message ${id} was accepted, and is told to be none`)
    if (told !== 'ok' || partition !== story.partition) continue
    const isIts = id === story.ids.get(ordinal) || id === `orders.${partition}.${ordinal.toString(36)}`
    story.must(isIts, `A10 the history of ${id} is that of message ${ordinal}`)
    const inLog = story.histories.get(ordinal) ?? []
    const isSo = revisions.length > 0 && revisions.every((revision, n) => inLog[n] === revision)
    story.must(isSo, `A10 the history of message ${ordinal} is ${revisions}, the log has ${inLog}`)
  }
}

const checkSwept = ({ live, partition }: Story, { swept }: Calls): ReadonlyArray<string> => {
  if (swept === undefined) return []
  const missed = [...live.values()].filter((one) => one.situation === 'dead' && matches(swept, one))
  return missed.map(({ ordinal }) => `C3 dead letter ${ordinal} of partition ${partition} was not met`)
}

/** All broken rules, empty when all is well; `left` = what is left at the end, by situation. */
export const checkPartitions = (
  logs: ReadonlyArray<ReadonlyArray<RecordedBatch>>,
  calls: Calls,
  rules: Rules,
): Readonly<{
  broken: ReadonlyArray<string>
  left: ReadonlyArray<string>
  seen: ReadonlyMap<string, number>
}> => {
  const stories = logs.map((_, partition) => new Story(rules, calls, partition))
  const { resized } = rules
  const together = resized && tellTogether(stories, logs, calls, rules.controls, resized)
  stories.forEach((story, partition) => {
    if (together === undefined) story.tell(logs[partition] ?? [])
    checkEnqueues(story, calls)
    checkClaims(story, calls)
    checkChanges(story, calls)
    checkHistories(story, calls)
    // The last change came when all was healed.
    const isLast = story.controlRevision === rules.controls.length - 2
    story.must(
      isLast,
      `R67 it ends with configuration ${story.controlRevision} of ${rules.controls.length - 2}`,
    )
  })
  const left = stories.flatMap(({ live }) => [...live.values()].map(({ situation }) => situation))
  const broken = [
    ...stories.flatMap((story) => [...story.broken, ...checkSwept(story, calls)]),
    ...checkNamed(stories, calls),
    ...(together?.broken ?? []),
  ]
  return { broken, left, seen: together?.seen ?? new Map() }
}
