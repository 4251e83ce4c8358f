// An EventStoreDB server as the client sees it: the Streams, ServerFeatures and Gossip services over real gRPC, with faults on
// request. What it does is taken from the client's and the server's sources (test/adapters/eventstoredb/conformance.int.test.ts names
// them, one test per statement). NEVER compared with a running server, because none can be had here:
// - the exact texts and codes of errors other than those of the client package's own mapping;
// - what is answered for a position at which no record begins (here: UNKNOWN "invalid position");
// - which events of a soft-deleted stream can be read after it was written to again;
// - how often a filtered subscription says how far it has come (here: each 1,024 events), and whether it is shown metadata as they are
//   written (the conformance suite asks it);
// - timing: commit and replication delays, time-outs of the server, the flow between live and catch-up of a slow subscription;
// - access lists of streams ($acl), projections, persistent subscriptions, links: not there at all;
// - $maxAge to the second, scavenging of single chunks, positions of system events between ours.
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js'
import gossipPb from '@eventstore/db-client/generated/gossip_pb.js'
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js'
import featuresPb from '@eventstore/db-client/generated/serverfeatures_pb.js'
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js'
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import { type FaultRule, Faults } from './faults.js'
import { answerRead, type ReadCall, Subscription } from './reading.js'
import { EmulatedStore } from './store.js'
import { faultOf, readWishOf } from './wire.js'
import { answerDelete, answerTombstone, WritingService } from './writing.js'

export type EmulatorOptions = Readonly<{
  version?: string
  maxAppendBytes?: number
  sizeCounts?: 'data' | 'all'
  /** Without it the client falls back to the unary Append. */
  hasBatchAppend?: boolean
  saysCaughtUp?: boolean
  /** Needed on each call; none = anybody may do anything. */
  credentials?: Readonly<{ username: string; password: string }>
  tls?: Readonly<{ key: string; certificate: string }>
  /** What Gossip tells; by default this server alone, as leader. */
  members?: () => ReadonlyArray<Readonly<{ host: string; port: number; state: 'leader' | 'follower' }>>
  nowMs?: () => number
  port?: number
}>

const MIB = 1_048_576

export class Emulator {
  readonly faults = new Faults()
  readonly store: EmulatedStore
  port = 0
  private server: Server | undefined
  private subscriptions = 0
  /** Answered calls, by RPC. */
  readonly calls = new Map<string, number>()

  private constructor(private readonly options: EmulatorOptions) {
    const { maxAppendBytes = MIB, sizeCounts = 'all', nowMs = Date.now } = options
    this.store = new EmulatedStore({ maxAppendBytes, sizeCounts, nowMs })
  }

  static async start(options: EmulatorOptions = {}): Promise<Emulator> {
    const emulator = new Emulator(options)
    await emulator.listen(options.port ?? 0)
    return emulator
  }

  get connectionString(): string {
    return this.options.tls === undefined
      ? `esdb://127.0.0.1:${this.port}?tls=false`
      : `esdb://localhost:${this.port}?tls=true`
  }

  /** Every connection is cut; who connects again is served. */
  async cut(): Promise<void> {
    await this.down()
    await this.listen(this.port)
  }

  /** Nothing listens there until `up`. */
  async down(): Promise<void> {
    this.server?.forceShutdown()
    this.server = undefined
  }

  async up(): Promise<void> {
    if (this.server === undefined) await this.listen(this.port)
  }

  async stop(): Promise<void> {
    this.faults.clear()
    await this.down()
  }

  private async listen(port: number): Promise<void> {
    const server = new Server({ 'grpc.max_receive_message_length': 64 * MIB })
    this.server = server
    const writing = new WritingService(this.store, this.faults, {
      cut: () => this.cut(),
      counted: (rpc) => this.count(rpc),
      mayCall: (call) => this.mayCall(call),
    })
    server.addService(streamsGrpc.StreamsService, {
      read: (call: ReadCall) => this.read(call),
      append: writing.append,
      batchAppend: writing.batchAppend,
      delete: answerDelete(this.store, this.faults),
      tombstone: answerTombstone(this.store, this.faults),
    })
    server.addService(featuresGrpc.ServerFeaturesService, {
      getSupportedMethods: (
        _call: ServerUnaryCall<unknown, unknown>,
        answer: sendUnaryData<InstanceType<typeof featuresPb.SupportedMethods>>,
      ) => this.features(answer),
    })
    server.addService(gossipGrpc.GossipService, {
      read: (
        _call: ServerUnaryCall<unknown, unknown>,
        answer: sendUnaryData<InstanceType<typeof gossipPb.ClusterInfo>>,
      ) => this.gossip(answer),
    })
    const { tls } = this.options
    const credentials =
      tls === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [
            { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.certificate) },
          ])
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
  }

  private count(rpc: string): void {
    this.calls.set(rpc, (this.calls.get(rpc) ?? 0) + 1)
  }

  /** Credentials that were right are so no longer, as after they were changed or have expired. */
  areCredentialsExpired = false

  private mayCall(call: Readonly<{ metadata: { get: (key: string) => unknown[] } }>): boolean {
    const { credentials } = this.options
    if (this.areCredentialsExpired) return false
    if (credentials === undefined) return true
    const wanted = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')
    return call.metadata.get('authorization')[0] === `Basic ${wanted}`
  }

  /** Reads and subscriptions that are open now. */
  openReads = 0

  private read(call: ReadCall): void {
    const wish = readWishOf(call.request)
    this.openReads++
    call.once('close', () => {
      this.openReads--
    })
    this.count(wish.isSubscription ? 'subscribe' : 'read')
    if (!this.mayCall(call)) {
      call.emit('error', faultOf(status.UNAUTHENTICATED, 'the credentials are not valid'))
      return
    }
    const fault = this.faults.take(wish.isSubscription ? 'subscribe' : 'read', wish.stream ?? '$all')
    if (fault?.do === 'silence') return
    if (fault?.do === 'refuse') {
      call.emit('error', faultOf(status.UNAVAILABLE, 'refused'))
      return
    }
    if (fault?.do === 'accessDenied') {
      call.emit('error', faultOf(status.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' }))
      return
    }
    if (fault?.do === 'killBefore') {
      void this.cut()
      return
    }
    if (fault?.do === 'slow') {
      setTimeout(() => this.answerRead(call, undefined), fault.ms ?? 0)
      return
    }
    this.answerRead(call, fault)
  }

  private answerRead(call: ReadCall, fault: FaultRule | undefined): void {
    const wish = readWishOf(call.request)
    if (wish.isSubscription) {
      const { saysCaughtUp = true } = this.options
      const subscription = new Subscription(this.store, wish, call, fault, saysCaughtUp)
      void subscription.start(`subscription-${++this.subscriptions}`)
    } else void answerRead(this.store, wish, call, fault)
  }

  private features(answer: sendUnaryData<InstanceType<typeof featuresPb.SupportedMethods>>): void {
    const fault = this.faults.take('features', '')
    if (fault?.do === 'silence') return
    if (fault !== undefined) return answer(faultOf(status.INTERNAL, 'planted'))
    const { version = '24.10.0.0', hasBatchAppend = true } = this.options
    const methods = new featuresPb.SupportedMethods()
    methods.setEventStoreServerVersion(version)
    for (const name of [
      'read',
      'append',
      'delete',
      'tombstone',
      ...(hasBatchAppend ? ['batchappend'] : []),
    ]) {
      const method = new featuresPb.SupportedMethod()
      method.setServiceName('event_store.client.streams.streams')
      method.setMethodName(name)
      methods.addMethods(method)
    }
    answer(null, methods)
  }

  private gossip(answer: sendUnaryData<InstanceType<typeof gossipPb.ClusterInfo>>): void {
    this.count('gossip')
    const fault = this.faults.take('gossip', '')
    if (fault?.do === 'silence') return
    if (fault !== undefined) return answer(faultOf(status.UNAVAILABLE, 'planted'))
    const { members } = this.options
    const told = members?.() ?? [{ host: '127.0.0.1', port: this.port, state: 'leader' as const }]
    const { FOLLOWER, LEADER } = gossipPb.MemberInfo.VNodeState
    const info = new gossipPb.ClusterInfo()
    for (const { host, port, state } of told) {
      const endPoint = new gossipPb.EndPoint()
      endPoint.setAddress(host)
      endPoint.setPort(port)
      const member = new gossipPb.MemberInfo()
      member.setIsAlive(true)
      member.setState(state === 'leader' ? LEADER : FOLLOWER)
      member.setHttpEndPoint(endPoint)
      info.addMembers(member)
    }
    answer(null, info)
  }
}
