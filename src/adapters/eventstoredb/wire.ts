// Requests and answers of the server's Streams service, on the client package's own generated code. The client's own calls are gone
// round where they are unsafe or dear: appends and reads speak to the generated stubs (docs/adr/0010-eventstoredb.md says why).
import type { EventStoreDBClient } from '@eventstore/db-client'
import type { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js'
import type { AppendReq, AppendResp, ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js'
import type {
  CallOptions,
  Client,
  ClientReadableStream,
  ClientWritableStream,
  Metadata,
  requestCallback,
} from '@grpc/grpc-js'
import { decodeRead } from './protobuf.js'
import type { FoundEvent } from './storedEvents.js'

type Constructor<A> = new (...args: never[]) => A

/** Members of the client that its types keep for subclasses, which cannot be made: `connectionString` builds the base class. */
export type ClientInside = Readonly<{
  execute: <Stub extends Client, A>(
    stub: Constructor<Stub>,
    name: string,
    action: (stub: Stub) => Promise<A>,
  ) => Promise<A>
  callArguments: (
    base: Readonly<{ requiresLeader?: boolean; deadline?: number }>,
    options?: CallOptions,
  ) => [Metadata, CallOptions]
  getChannel: () => Promise<Readonly<{ close: () => void }>>
}>

export const insideOf = (client: EventStoreDBClient): ClientInside => client as unknown as ClientInside

/** The package, loaded when the first log of this kind is opened: 40 ms and 20 MB that others need not pay. */
export type Package = Readonly<{
  EventStoreDBClient: typeof EventStoreDBClient
  StreamsClient: typeof StreamsClient
  streams: typeof import('@eventstore/db-client/generated/streams_pb.js')
  fields: typeof import('@eventstore/db-client/generated/shared_pb.js')
  features: typeof import('@eventstore/db-client/generated/serverfeatures_grpc_pb.js')
  parseConnectionString: typeof import('@eventstore/db-client/dist/Client/parseConnectionString.js')['parseConnectionString']
}>

export const loadPackage = async (): Promise<Package> => {
  const [client, stubs, streams, fields, features, connection] = await Promise.all([
    import('@eventstore/db-client'),
    import('@eventstore/db-client/generated/streams_grpc_pb.js'),
    import('@eventstore/db-client/generated/streams_pb.js'),
    import('@eventstore/db-client/generated/shared_pb.js'),
    import('@eventstore/db-client/generated/serverfeatures_grpc_pb.js'),
    import('@eventstore/db-client/dist/Client/parseConnectionString.js'),
  ])
  return {
    EventStoreDBClient: client.EventStoreDBClient,
    StreamsClient: stubs.default.StreamsClient,
    streams: streams.default,
    fields: fields.default,
    features: features.default,
    parseConnectionString: connection.default.parseConnectionString,
  }
}

/** No revision = the stream must not exist. */
export const appendHeader = (
  { streams, fields }: Package,
  stream: string,
  expectedRevision: number | undefined,
): AppendReq => {
  const options = new streams.AppendReq.Options()
  options.setStreamIdentifier(identifier(fields, stream))
  if (expectedRevision === undefined) options.setNoStream(new fields.Empty())
  else options.setRevision(String(expectedRevision))
  return new streams.AppendReq().setOptions(options)
}

const identifier = (
  fields: Package['fields'],
  stream: string,
): InstanceType<typeof fields.StreamIdentifier> => {
  const found = new fields.StreamIdentifier()
  found.setStreamName(Buffer.from(stream, 'utf8'))
  return found
}

export type ReadWish = Readonly<{
  from: number | 'start' | 'end'
  isBackward?: boolean
  count?: number
}> &
  (
    | Readonly<{ stream: string }>
    /** The whole log, of streams whose names begin so. */
    | Readonly<{ prefix: string; isSubscription?: boolean }>
  )

const FORWARD = 0
const BACKWARD = 1
/** Events that a filtered read or subscription looks at before it says how far it has come, times the interval. */
const SEARCH_WINDOW_EVENTS = 1_024

export const readRequest = ({ streams, fields }: Package, wish: ReadWish): ReadReq => {
  const { Options } = streams.ReadReq
  const options = new Options()
  const empty = new fields.Empty()
  if ('stream' in wish) {
    const at = new Options.StreamOptions()
    at.setStreamIdentifier(identifier(fields, wish.stream))
    if (wish.from === 'start') at.setStart(empty)
    else if (wish.from === 'end') at.setEnd(empty)
    else at.setRevision(String(wish.from))
    options.setStream(at)
    options.setNoFilter(empty)
  } else {
    const at = new Options.AllOptions()
    if (wish.from === 'start') at.setStart(empty)
    else if (wish.from === 'end') at.setEnd(empty)
    else {
      const position = new Options.Position()
      position.setCommitPosition(String(wish.from))
      position.setPreparePosition(String(wish.from))
      at.setPosition(position)
    }
    options.setAll(at)
    if (wish.prefix === '') options.setNoFilter(empty)
    else {
      const expression = new Options.FilterOptions.Expression()
      expression.setPrefixList([wish.prefix])
      const filter = new Options.FilterOptions()
      filter.setStreamIdentifier(expression)
      filter.setMax(SEARCH_WINDOW_EVENTS)
      filter.setCheckpointintervalmultiplier(1)
      options.setFilter(filter)
    }
  }
  if ('prefix' in wish && wish.isSubscription === true)
    options.setSubscription(new Options.SubscriptionOptions())
  else options.setCount(String(wish.count ?? Number.MAX_SAFE_INTEGER))
  options.setReadDirection(wish.isBackward === true ? BACKWARD : FORWARD)
  options.setResolveLinks(false)
  const ids = new Options.UUIDOption()
  ids.setString(empty)
  options.setUuidOption(ids)
  return new streams.ReadReq().setOptions(options)
}

/** What a read or a subscription is answered with: an event, or something about the read itself. */
export type ReadAnswer = FoundEvent | ReadResp
export const isEvent = (answer: ReadAnswer): answer is FoundEvent => 'revision' in answer

const READ_PATH = '/event_store.client.streams.Streams/Read'
const APPEND_PATH = '/event_store.client.streams.Streams/Append'
const asItIs = (bytes: Buffer): Buffer => bytes

export const startRead = (
  stub: StreamsClient,
  { streams }: Package,
  request: ReadReq,
  [metadata, options]: [Metadata, CallOptions],
): ClientReadableStream<ReadAnswer> =>
  stub.makeServerStreamRequest<Buffer, ReadAnswer>(
    READ_PATH,
    asItIs,
    (bytes) => decodeRead(bytes) ?? streams.ReadResp.deserializeBinary(bytes),
    Buffer.from(request.serializeBinary()),
    metadata,
    options,
  )

export const startAppend = (
  stub: StreamsClient,
  { streams }: Package,
  [metadata, options]: [Metadata, CallOptions],
  answer: requestCallback<AppendResp>,
): ClientWritableStream<Buffer> =>
  stub.makeClientStreamRequest<Buffer, AppendResp>(
    APPEND_PATH,
    asItIs,
    (bytes) => streams.AppendResp.deserializeBinary(bytes),
    metadata,
    options,
    answer,
  )
