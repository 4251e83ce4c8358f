// What ledgerq message prove and ledgerq proof verify do; loaded only when one of them is asked for.
import { readFile, writeFile } from 'node:fs/promises'
import type { LedgerEvent } from '../../domain/batch.js'
import { generatedId, type PartitionRef, parseGeneratedId, partitionStream } from '../../domain/ids.js'
import { partitionOf } from '../adapters/eventstoredb/storedEvents.js'
import { ChainFault, digestHolds } from '../chain/chainedBatch.js'
import { judgeProof, ProofBuilder, type ProvedEvent } from '../chain/eventProof.js'
import { openSource } from '../transfer/places.js'
import type { ChainSource } from '../transfer/sides.js'
import type { Context } from './context.js'
import { CommandFailed, EXIT } from './exitCode.js'
import { logPlace } from './logPlace.js'
import { placeOf, told } from './logTransfer.js'
import { facts, shortJson, table } from './table.js'

export type ProveOptions = Readonly<{
  queue?: string
  log?: string
  prefix?: string
  to?: string
  until?: number
}>

type Wanted = Readonly<{ isOwnStream: (stream: string) => boolean; isOfIt: (event: LedgerEvent) => boolean }>

/** By its generated id, which names its stream, or by the one that a caller chose, in any partition of the queue. */
const wantedOf = (id: string, queue: string | undefined): Wanted => {
  const generated = parseGeneratedId(id)
  if (generated !== undefined) {
    const { ordinal } = generated
    const stream = partitionStream(generated)
    return {
      isOwnStream: (name) => name === stream || name.endsWith(`.${stream}`),
      isOfIt: (event) => 'ordinal' in event && event.ordinal === ordinal,
    }
  }
  if (queue === undefined)
    throw new CommandFailed(EXIT.usage, `${id} was chosen by a caller: --queue says where to look.`)
  return {
    isOwnStream: (name) => partitionOf(name)?.queue === queue,
    isOfIt: (event) => 'callerId' in event && event.callerId === id,
  }
}

const builtFrom = async (
  source: ChainSource,
  id: string,
  { isOwnStream, isOfIt }: Wanted,
  until: number,
): Promise<ProofBuilder | undefined> => {
  const builders = new Map<string, ProofBuilder>()
  for await (const batch of source.batches()) {
    const { stream, firstRevision } = batch
    if (!isOwnStream(stream) || firstRevision > until) continue
    if (!digestHolds(batch))
      throw new ChainFault(
        'damaged',
        `${stream}, revision ${firstRevision}: the digest is not that of the events`,
      )
    const builder = builders.get(stream) ?? new ProofBuilder(id, isOfIt)
    builders.set(stream, builder)
    if (!builder.add(batch))
      throw new ChainFault('damaged', `${stream}, revision ${firstRevision}: not a batch`)
  }
  return [...builders.values()].find((builder) => builder.proof() !== undefined)
}

export const proveMessage = async (context: Context, id: string, options: ProveOptions): Promise<void> => {
  const place = placeOf(logPlace(options.log, context.config), options.prefix)
  const wanted = wantedOf(id, options.queue)
  const proof = await told(context, context.process.stopping(), async () => {
    const source = await openSource(place)
    try {
      const built = await builtFrom(source, id, wanted, options.until ?? Number.POSITIVE_INFINITY)
      return built?.proof()
    } finally {
      await source.close()
    }
  })
  if (proof === undefined)
    throw new CommandFailed(EXIT.notFound, `${place.spoken} holds no event of the message ${id}.`)
  const text = JSON.stringify(proof)
  if (options.to === undefined) return context.terminal.outSlowly(text)
  await writeFile(options.to, `${text}\n`).catch((cause: Error) => {
    throw new CommandFailed(EXIT.failed, `${options.to} cannot be written: ${cause.message}.`)
  })
  const { stream, head, revisions } = proof
  context.show({ to: options.to, stream, revisions, head }, () =>
    facts([
      ['message', id],
      ['events', revisions.length],
      ['stream', stream],
      ['proved up to', head.revision],
      ['ends in', head.digest],
    ]),
  )
}

const subject = (stream: string, event: LedgerEvent): string => {
  const ref: PartitionRef | undefined = partitionOf(stream)
  return ref !== undefined && 'ordinal' in event ? generatedId(ref, event.ordinal) : ''
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const verifyProof = async (
  context: Context,
  file: string,
  options: Readonly<{ digest?: string }>,
): Promise<void> => {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const code = cause.code === 'ENOENT' ? EXIT.notFound : EXIT.failed
    throw new CommandFailed(code, `${file} cannot be read: ${cause.message}.`)
  })
  const judged = judgeProof(parsed(text), options.digest)
  if (!judged.holds) throw new CommandFailed(EXIT.failed, `${file} does not hold: ${judged.reason}.`)
  const { stream, events, head, anchoredAt } = judged
  context.show(judged, () => {
    const anchor =
      anchoredAt === undefined
        ? 'nothing was given: it holds if you have kept the digest it ends in, or one on the way (--digest)'
        : `the digest that was given, which covers all up to revision ${anchoredAt}`
    const summary = facts([
      ['holds', stream],
      ['anchored in', anchor],
      ['ends at', head.revision],
      ['ends in', head.digest],
    ])
    return `${summary}\n\n${table<ProvedEvent>(events, [
      { title: 'revision', cell: ({ revision }) => revision, align: 'right' },
      { title: 'at', cell: ({ at }) => new Date(at).toISOString() },
      { title: 'message', cell: ({ event }) => subject(stream, event) },
      { title: 'event', cell: ({ event }) => event.type },
      { title: 'what', cell: ({ event: { type: _, ...data } }) => shortJson(data) },
    ])}`
  })
}
