// Where a stream begins: its low mark and the server's `$tb`, which stand in the stream's metadata. `$tb` is set to the beginning of
// the batch that holds the low mark, so that no batch is ever cut in two. What somebody else has set there (`$maxCount`, `$maxAge`,
// a `$tb` of his own, a deletion) takes away events that a live message may need: the stream is refused, loudly (R43).
import { isFields } from '../../../domain/storedFields.js'
import type { StoreCalls } from './connection.js'
import { corrupt, ReadRefused } from './errors.js'
import { type FoundEvent, factsOf, JSON_CONTENT } from './storedEvents.js'

type StreamRules = Readonly<{
  /** Events below were truncated by us. */
  lowMark: number
  truncateBefore: number
  /** Of the batch before `truncateBefore`, which its successor's digest stands on; undefined = not known. */
  digestBefore: string | undefined
  /** Revision of the metadata stream; -1 = there is none. */
  revision: number
  document: Readonly<Record<string, unknown>>
}>

const NONE: StreamRules = {
  lowMark: 0,
  truncateBefore: 0,
  digestBefore: undefined,
  revision: -1,
  document: {},
}
/** Where we keep our own part in the document. */
const OWN_KEY = 'ledgerq'
const TAKES_AWAY = ['$maxCount', '$maxAge'] as const
const CONFLICTS_MAX = 5
/** What the name of a stream's metadata stream begins with, before the stream's own. */
export const METADATA_OF = '$$'

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const rulesOf = (stream: string, { revision, data }: FoundEvent): StreamRules => {
  const refuse = (reason: string): never => {
    throw new ReadRefused(corrupt(stream, undefined, reason))
  }
  let document: unknown
  try {
    document = JSON.parse(Buffer.from(data).toString('utf8'))
  } catch {
    return refuse('the metadata of the stream is not JSON')
  }
  if (!isFields(document)) return refuse('the metadata of the stream is no document')
  for (const rule of TAKES_AWAY) {
    if (document[rule] !== undefined)
      return refuse(
        `its metadata say ${rule} = ${String(document[rule])}: that takes away events that are still needed. Remove it, then open the ledger again`,
      )
  }
  const own = document[OWN_KEY]
  const lowMark = isFields(own) && isCount(own.firstRevision) ? own.firstRevision : 0
  const truncateBefore = document.$tb ?? 0
  if (typeof truncateBefore !== 'number' || truncateBefore > lowMark) {
    return refuse(
      typeof truncateBefore === 'number' && truncateBefore > Number.MAX_SAFE_INTEGER - 1
        ? 'the stream was deleted in EventStoreDB'
        : `its metadata say $tb = ${String(truncateBefore)}, but this ledger truncated before ${lowMark} only: somebody else cut the stream`,
    )
  }
  const digestBefore = isFields(own) && typeof own.digestBefore === 'string' ? own.digestBefore : undefined
  return { lowMark, truncateBefore, digestBefore, revision, document }
}

export class Rules {
  private readonly known = new Map<string, StreamRules>()
  /** Streams that must not be led, as far as somebody noticed. */
  private readonly refusals = new Map<string, ReadRefused>()

  constructor(
    private readonly connection: StoreCalls,
    private readonly named: (stream: string) => string,
  ) {}

  /** Throws ReadRefused for a stream that cannot be led. */
  async of(stream: string): Promise<StreamRules> {
    return this.known.get(stream) ?? (await this.load(stream))
  }

  /** As the server has them now: another node may have truncated. */
  async load(stream: string): Promise<StreamRules> {
    let last: FoundEvent | undefined
    const wish = { stream: this.metaOf(stream), from: 'end', isBackward: true, count: 1 } as const
    await this.connection.read(wish, (event) => {
      last = event
      return true
    })
    return this.take(stream, last)
  }

  /** Metadata that somebody has just written, maybe we ourselves; undefined = there are none. Throws as `of` does. */
  take(stream: string, event: FoundEvent | undefined): StreamRules {
    try {
      const rules = event === undefined ? NONE : rulesOf(stream, event)
      this.known.set(stream, rules)
      this.refusals.delete(stream)
      return rules
    } catch (error) {
      this.known.delete(stream)
      if (error instanceof ReadRefused) this.refusals.set(stream, error)
      throw error
    }
  }

  /** Why the stream must not be appended to either; undefined = nobody knows a reason. */
  refusal(stream: string): string | undefined {
    return this.refusals.get(stream)?.fault.reason
  }

  private metaOf(stream: string): string {
    return METADATA_OF + this.named(stream)
  }

  /** `revision` is at most one beyond the head. */
  async truncate(stream: string, revision: number, head: number, batchId: () => string): Promise<void> {
    for (let conflicts = 0; conflicts <= CONFLICTS_MAX; conflicts++) {
      const rules = await this.load(stream)
      if (revision <= rules.lowMark) return
      // The last event stays, whatever is asked for: it says where the stream goes on.
      const start = await this.batchStart(stream, Math.min(revision, head))
      const truncateBefore = Math.max(rules.truncateBefore, start)
      const digestBefore =
        truncateBefore === rules.truncateBefore
          ? rules.digestBefore
          : await this.digestAt(stream, truncateBefore - 1)
      const own = { firstRevision: revision, ...(digestBefore === undefined ? {} : { digestBefore }) }
      const document = { ...rules.document, $tb: truncateBefore, [OWN_KEY]: own }
      const answer = await this.connection.append(this.metaOf(stream), rules.revision, [
        {
          id: batchId(),
          type: '$metadata',
          contentType: JSON_CONTENT,
          data: Buffer.from(JSON.stringify(document)),
          metadata: new Uint8Array(0),
        },
      ])
      if (answer.outcome === 'conflict') continue
      const { lastRevision } = answer
      this.known.set(stream, {
        lowMark: revision,
        truncateBefore,
        digestBefore,
        revision: lastRevision,
        document,
      })
      return
    }
    throw new Error(`the metadata of ${stream} are changed by somebody else all the time`)
  }

  /** Of the batch that ends there. */
  private async digestAt(stream: string, revision: number): Promise<string | undefined> {
    let digest: string | undefined
    await this.connection.read({ stream: this.named(stream), from: revision, count: 1 }, (event) => {
      digest = factsOf(event)?.digest
      return true
    })
    return digest
  }

  private async batchStart(stream: string, revision: number): Promise<number> {
    let start = 0
    await this.connection.read({ stream: this.named(stream), from: revision, count: 1 }, (event) => {
      start = event.revision - (factsOf(event)?.index ?? 0)
      return true
    })
    return start
  }
}
