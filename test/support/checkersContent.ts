// A6: where messages are told apart by what they hold, the key at each message is one for each content, and whoever is told
// that it is there already is told of one that held the same.
import type { MessageEdited, MessageEnqueued } from '../../domain/message/index.js'
import type { Calls } from './checkersCalls.js'

type Must = (holds: boolean, rule: string) => void

/** The same for payloads that differ in the order of their fields only. */
const contentOf = (payload: string): string => {
  const fields: Record<string, unknown> = JSON.parse(payload)
  return JSON.stringify(Object.entries(fields).sort(([one], [other]) => (one < other ? -1 : 1)))
}

export class Contents {
  private readonly asked = new Set<string>()
  private readonly callersKeys = new Set<string>()
  private readonly keys = new Map<string, string>()
  private readonly contents = new Map<string, string>()
  /** What each message has held at any time, but for operators' edits. */
  private readonly held = new Map<number, Set<string>>()

  constructor(
    calls: Calls,
    private readonly must: Must,
  ) {
    for (const { messages } of calls.enqueues)
      for (const { payload, attributes, byContent } of messages)
        if (byContent === true) this.asked.add(payload)
        else if (attributes?.dedupKey !== undefined) this.callersKeys.add(attributes.dedupKey)
  }

  holds({ ordinal, payload, attributes }: MessageEnqueued | MessageEdited): void {
    if (!this.asked.has(payload)) return
    const content = contentOf(payload)
    this.held.set(ordinal, (this.held.get(ordinal) ?? new Set()).add(content))
    const { dedupKey: key } = attributes ?? {}
    this.must(key !== undefined, `A6 message ${ordinal} has no key for what it holds`)
    if (key === undefined || this.callersKeys.has(key)) return
    const known = this.keys.get(content) ?? key
    this.must(known === key, `A6 ${content} has the keys ${known} and ${key}`)
    const other = this.contents.get(key) ?? content
    this.must(other === content, `A6 ${content} and ${other} have one key`)
    this.keys.set(content, key)
    this.contents.set(key, content)
  }

  mustHaveHeld(ordinals: ReadonlyArray<number>, payload: string): void {
    const content = contentOf(payload)
    const isSo = ordinals.some((ordinal) => this.held.get(ordinal)?.has(content) === true)
    this.must(
      isSo,
      `A6 ${payload} is told to be a duplicate of message ${ordinals}, which held something else`,
    )
  }
}
