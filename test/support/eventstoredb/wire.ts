// Between the messages of the wire and what the emulated store knows, on the client package's own generated code.
import sharedPb, { type StreamIdentifier } from '@eventstore/db-client/generated/shared_pb.js'
import statusPb, { type Status } from '@eventstore/db-client/generated/status_pb.js'
import streamsPb, {
  type AppendReq,
  type AppendResp,
  type BatchAppendReq,
  type BatchAppendResp,
  type ReadReq,
  type ReadResp,
} from '@eventstore/db-client/generated/streams_pb.js'
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import anyPb from 'google-protobuf/google/protobuf/any_pb.js'
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js'
import type { Answer, Expected, Kept, Proposed, Refused } from './store.js'

/** .NET ticks (100 ns) from the year 1 to 1970 are not part of it: the client reads ticks since 1970. */
const TICKS_PER_MS = 10_000n

export const nameOf = (identifier: StreamIdentifier | undefined): string =>
  Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8')

export const identifierOf = (name: string): StreamIdentifier => {
  const identifier = new sharedPb.StreamIdentifier()
  identifier.setStreamName(Buffer.from(name, 'utf8'))
  return identifier
}

const uuidOf = (text: string): InstanceType<typeof sharedPb.UUID> => {
  const uuid = new sharedPb.UUID()
  uuid.setString(text)
  return uuid
}

export const proposedOf = (
  message: AppendReq.ProposedMessage | BatchAppendReq.ProposedMessage,
): Proposed => ({
  id: message.getId()?.getString() ?? '',
  type: message.getMetadataMap().get('type') ?? '',
  contentType: message.getMetadataMap().get('content-type') ?? '',
  data: message.getData_asU8(),
  metadata: message.getCustomMetadata_asU8(),
})

export const expectedOf = (options: AppendReq.Options): Expected => {
  if (options.hasRevision()) return Number(options.getRevision())
  if (options.hasNoStream()) return 'no_stream'
  return options.hasStreamExists() ? 'stream_exists' : 'any'
}

export const batchExpectedOf = (options: BatchAppendReq.Options): Expected => {
  if (options.hasStreamPosition()) return Number(options.getStreamPosition())
  if (options.hasNoStream()) return 'no_stream'
  return options.hasStreamExists() ? 'stream_exists' : 'any'
}

export const faultOf = (
  code: status,
  details: string,
  facts: Readonly<Record<string, string>> = {},
): ServiceError => {
  const metadata = new Metadata()
  for (const [key, value] of Object.entries(facts)) metadata.set(key, value)
  return Object.assign(new Error(details), { code, details, metadata })
}

export const streamDeleted = (stream: string): ServiceError =>
  faultOf(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  })

export const tooLarge = (maxAppendBytes: number): ServiceError =>
  faultOf(status.INVALID_ARGUMENT, `Maximum Append Size of ${maxAppendBytes} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(maxAppendBytes),
  })

export const appendAnswer = (
  expected: Expected,
  answer: Extract<Answer, { outcome: 'written' | 'wrong' }>,
): AppendResp => {
  const response = new streamsPb.AppendResp()
  if (answer.outcome === 'written') {
    const success = new streamsPb.AppendResp.Success()
    const position = new streamsPb.AppendResp.Position()
    position.setCommitPosition(String(answer.commit))
    position.setPreparePosition(String(answer.commit))
    success.setCurrentRevision(String(answer.lastRevision))
    success.setPosition(position)
    return response.setSuccess(success)
  }
  const wrong = new streamsPb.AppendResp.WrongExpectedVersion()
  if (answer.actual < 0) wrong.setCurrentNoStream(new sharedPb.Empty())
  else wrong.setCurrentRevision(String(answer.actual))
  if (typeof expected === 'number') wrong.setExpectedRevision(String(expected))
  else if (expected === 'no_stream') wrong.setExpectedNoStream(new sharedPb.Empty())
  else if (expected === 'stream_exists') wrong.setExpectedStreamExists(new sharedPb.Empty())
  else wrong.setExpectedAny(new sharedPb.Empty())
  return response.setWrongExpectedVersion(wrong)
}

const statusOf = (stream: string, expected: Expected, answer: Refused, maxAppendBytes: number): Status => {
  const details = new anyPb.Any()
  const found = new statusPb.Status()
  found.setMessage(answer.outcome)
  if (answer.outcome === 'deleted') {
    const deleted = new sharedPb.StreamDeleted()
    deleted.setStreamIdentifier(identifierOf(stream))
    details.pack(deleted.serializeBinary(), 'event_store.client.StreamDeleted')
  } else if (answer.outcome === 'tooLarge') {
    const exceeded = new sharedPb.MaximumAppendSizeExceeded()
    exceeded.setMaxappendsize(maxAppendBytes)
    details.pack(exceeded.serializeBinary(), 'event_store.client.MaximumAppendSizeExceeded')
  } else {
    const wrong = new sharedPb.WrongExpectedVersion()
    if (answer.actual < 0) wrong.setCurrentNoStream(new emptyPb.Empty())
    else wrong.setCurrentStreamRevision(String(answer.actual))
    if (typeof expected === 'number') wrong.setExpectedStreamPosition(String(expected))
    else if (expected === 'no_stream') wrong.setExpectedNoStream(new emptyPb.Empty())
    else if (expected === 'stream_exists') wrong.setExpectedStreamExists(new emptyPb.Empty())
    else wrong.setExpectedAny(new emptyPb.Empty())
    details.pack(wrong.serializeBinary(), 'event_store.client.WrongExpectedVersion')
  }
  return found.setDetails(details)
}

export const batchAnswer = (
  correlationId: string,
  stream: string,
  expected: Expected,
  answer: Answer,
  maxAppendBytes: number,
): BatchAppendResp => {
  const response = new streamsPb.BatchAppendResp()
  response.setCorrelationId(uuidOf(correlationId))
  response.setStreamIdentifier(identifierOf(stream))
  if (answer.outcome !== 'written')
    return response.setError(statusOf(stream, expected, answer, maxAppendBytes))
  const success = new streamsPb.BatchAppendResp.Success()
  const position = new sharedPb.AllStreamPosition()
  position.setCommitPosition(String(answer.commit))
  position.setPreparePosition(String(answer.commit))
  success.setCurrentRevision(String(answer.lastRevision))
  success.setPosition(position)
  return response.setSuccess(success)
}

export const eventAnswer = (kept: Kept): ReadResp => {
  const recorded = new streamsPb.ReadResp.ReadEvent.RecordedEvent()
  recorded.setId(uuidOf(kept.id))
  recorded.setStreamIdentifier(identifierOf(kept.stream))
  recorded.setStreamRevision(String(kept.revision))
  recorded.setCommitPosition(String(kept.commit))
  recorded.setPreparePosition(String(kept.commit))
  recorded.getMetadataMap().set('type', kept.type)
  recorded.getMetadataMap().set('content-type', kept.contentType)
  recorded.getMetadataMap().set('created', String(BigInt(kept.createdMs) * TICKS_PER_MS))
  recorded.setData(kept.data)
  recorded.setCustomMetadata(kept.metadata)
  const event = new streamsPb.ReadResp.ReadEvent()
  event.setEvent(recorded)
  event.setCommitPosition(String(kept.commit))
  return new streamsPb.ReadResp().setEvent(event)
}

export const notFoundAnswer = (stream: string): ReadResp => {
  const notFound = new streamsPb.ReadResp.StreamNotFound()
  notFound.setStreamIdentifier(identifierOf(stream))
  return new streamsPb.ReadResp().setStreamNotFound(notFound)
}

export const confirmationAnswer = (id: string): ReadResp => {
  const confirmation = new streamsPb.ReadResp.SubscriptionConfirmation()
  confirmation.setSubscriptionId(id)
  return new streamsPb.ReadResp().setConfirmation(confirmation)
}

export const caughtUpAnswer = (): ReadResp =>
  new streamsPb.ReadResp().setCaughtUp(new streamsPb.ReadResp.CaughtUp())

export const checkpointAnswer = (commit: number): ReadResp => {
  const checkpoint = new streamsPb.ReadResp.Checkpoint()
  checkpoint.setCommitPosition(String(commit))
  checkpoint.setPreparePosition(String(commit))
  return new streamsPb.ReadResp().setCheckpoint(checkpoint)
}

export type ReadWish = Readonly<{
  stream: string | undefined
  isForward: boolean
  /** A revision, or a position of the whole log. */
  from: number | 'start' | 'end'
  count: number
  isSubscription: boolean
  fits: (kept: Kept) => boolean
}>

const filterOf = (options: ReadReq.Options): ((kept: Kept) => boolean) => {
  const filter = options.getFilter()
  if (filter === undefined) return () => true
  const byName = filter.getStreamIdentifier()
  const expression = byName ?? filter.getEventType()
  const prefixes = expression?.getPrefixList() ?? []
  const regex = expression?.getRegex() ?? ''
  const pattern = regex === '' ? undefined : new RegExp(regex)
  return (kept) => {
    const text = byName === undefined ? kept.type : kept.stream
    return prefixes.some((prefix) => text.startsWith(prefix)) || pattern?.test(text) === true
  }
}

export const readWishOf = (request: ReadReq): ReadWish => {
  const options = request.getOptions() ?? new streamsPb.ReadReq.Options()
  const ofStream = options.getStream()
  const ofAll = options.getAll()
  const at = ofStream ?? ofAll
  const revision = ofStream?.getRevision() ?? ofAll?.getPosition()?.getCommitPosition()
  return {
    stream: ofStream === undefined ? undefined : nameOf(ofStream.getStreamIdentifier()),
    isForward: options.getReadDirection() === 0,
    from: at?.hasStart() === true ? 'start' : at?.hasEnd() === true ? 'end' : Number(revision ?? 0),
    count: options.hasCount() ? Number(options.getCount()) : Number.POSITIVE_INFINITY,
    isSubscription: options.hasSubscription(),
    fits: filterOf(options),
  }
}
