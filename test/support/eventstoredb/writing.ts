// Appends and deletions of the emulator, and what goes wrong with them on request.
import type {
  AppendReq,
  AppendResp,
  BatchAppendReq,
  BatchAppendResp,
  DeleteReq,
  DeleteResp,
  TombstoneReq,
  TombstoneResp,
} from '@eventstore/db-client/generated/streams_pb.js'
import streamsPb from '@eventstore/db-client/generated/streams_pb.js'
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleUnaryCall,
  type Metadata,
  type ServerDuplexStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import type { FaultRule, Faults } from './faults.js'
import type { Answer, EmulatedStore, Expected, Proposed } from './store.js'
import {
  appendAnswer,
  batchAnswer,
  batchExpectedOf,
  expectedOf,
  faultOf,
  nameOf,
  proposedOf,
  streamDeleted,
  tooLarge,
} from './wire.js'

type Service = Readonly<{
  cut: () => Promise<void>
  counted: (rpc: string) => void
  mayCall: (call: Readonly<{ metadata: Metadata }>) => boolean
}>

type Write = Readonly<{ stream: string; expected: Expected; events: ReadonlyArray<Proposed> }>
type Assembled = { options: BatchAppendReq.Options | undefined; events: Proposed[] }

const errorOf = (fault: FaultRule): Error | undefined => {
  switch (fault.do) {
    case 'refuse':
    case 'loseReply':
      return faultOf(status.UNAVAILABLE, 'the connection was lost')
    case 'notLeader':
      return faultOf(status.NOT_FOUND, 'Leader info available', {
        exception: 'not-leader',
        'leader-endpoint-host': fault.leader?.host ?? '127.0.0.1',
        'leader-endpoint-port': String(fault.leader?.port ?? 1),
      })
    case 'accessDenied':
      return faultOf(status.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' })
    case 'readOnly':
      return faultOf(status.UNKNOWN, 'No leader info available in response')
    case 'timeout':
      return faultOf(status.ABORTED, 'Operation timed out: Commit phase timeout.')
    default:
      return undefined
  }
}

const COMMITS: ReadonlySet<FaultRule['do']> = new Set(['loseReply', 'silentCommit', 'killAfter'])
const IS_SILENT: ReadonlySet<FaultRule['do']> = new Set(['silence', 'silentCommit', 'lateCommit'])

export class WritingService {
  constructor(
    private readonly store: EmulatedStore,
    private readonly faults: Faults,
    private readonly service: Service,
  ) {}

  readonly append: handleClientStreamingCall<AppendReq, AppendResp> = (call, answer) => {
    let options: AppendReq.Options | undefined
    const events: Proposed[] = []
    call.on('data', (request: AppendReq) => {
      if (request.hasOptions()) options = request.getOptions()
      const proposed = request.getProposedMessage()
      if (proposed !== undefined) events.push(proposedOf(proposed))
    })
    call.on('error', () => undefined)
    const ended = (): void => {
      // The end of a call that was cancelled or whose connection is gone looks like that of a whole one, and is told one turn earlier.
      if (call.cancelled) return
      this.service.counted('append')
      if (options === undefined) return answer(faultOf(status.INVALID_ARGUMENT, 'no options'))
      if (!this.service.mayCall(call))
        return answer(faultOf(status.UNAUTHENTICATED, 'the credentials are not valid'))
      const write: Write = {
        stream: nameOf(options.getStreamIdentifier()),
        expected: expectedOf(options),
        events,
      }
      this.faulty(this.faults.take('append', write.stream), write, (outcome) => {
        if (outcome instanceof Error) answer(outcome)
        else this.answerAppend(write, outcome, answer)
      })
    }
    call.on('end', () => setImmediate(ended))
  }

  private answerAppend(
    { stream, expected }: Write,
    outcome: Answer,
    answer: sendUnaryData<AppendResp>,
  ): void {
    if (outcome.outcome === 'deleted') return answer(streamDeleted(stream))
    if (outcome.outcome === 'tooLarge') return answer(tooLarge(this.store.settings.maxAppendBytes))
    answer(null, appendAnswer(expected, outcome))
  }

  /** Calls back with the answer, with an error, or not at all. */
  private faulty(
    fault: FaultRule | undefined,
    write: Write,
    answer: (outcome: Answer | Error) => void,
  ): void {
    const commit = (): Answer => this.store.append(write.stream, write.expected, write.events)
    if (fault === undefined) return answer(commit())
    if (COMMITS.has(fault.do)) commit()
    if (fault.do === 'lateCommit') this.faults.hold(commit)
    if (fault.do === 'forgotten') {
      const done = commit()
      return answer(done.outcome === 'written' ? { outcome: 'wrong', actual: done.lastRevision } : done)
    }
    if (fault.do === 'killAfter' || fault.do === 'killBefore') {
      void this.service.cut()
      return
    }
    if (IS_SILENT.has(fault.do)) return
    if (fault.do === 'slow') {
      setTimeout(() => answer(commit()), fault.ms ?? 0)
      return
    }
    const error = errorOf(fault)
    if (error !== undefined) return answer(error)
    answer(commit())
  }

  readonly batchAppend: handleBidiStreamingCall<BatchAppendReq, BatchAppendResp> = (call) => {
    const open = new Map<string, Assembled>()
    call.on('error', () => undefined)
    call.on('end', () => call.end())
    call.on('data', (request: BatchAppendReq) => {
      const id = request.getCorrelationId()?.getString() ?? ''
      const assembled = open.get(id) ?? { options: undefined, events: [] }
      open.set(id, assembled)
      if (request.hasOptions()) assembled.options = request.getOptions()
      for (const proposed of request.getProposedMessagesList()) assembled.events.push(proposedOf(proposed))
      if (!request.getIsFinal()) return
      open.delete(id)
      this.service.counted('batchAppend')
      if (this.service.mayCall(call)) this.answerBatch(call, id, assembled)
      else call.emit('error', faultOf(status.UNAUTHENTICATED, 'the credentials are not valid'))
    })
  }

  private answerBatch(
    call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>,
    id: string,
    { options, events }: Assembled,
  ): void {
    if (options === undefined) return
    const stream = nameOf(options.getStreamIdentifier())
    const write: Write = { stream, expected: batchExpectedOf(options), events }
    const { maxAppendBytes } = this.store.settings
    const fault = this.faults.take('batchAppend', stream)
    if (fault?.do === 'cleanEnd') {
      call.end()
      return
    }
    if (fault?.do === 'foreignReply') {
      const outcome: Answer = { outcome: 'written', lastRevision: 0, commit: 0, isRepeat: false }
      call.write(batchAnswer('00000000-0000-4000-8000-000000000000', stream, 'any', outcome, maxAppendBytes))
    }
    this.faulty(fault, write, (outcome) => {
      if (outcome instanceof Error) call.emit('error', outcome)
      else call.write(batchAnswer(id, stream, write.expected, outcome, maxAppendBytes))
    })
  }
}

/** Where in the log it is written, or why it is not. */
const deletion = (store: EmulatedStore, faults: Faults, stream: string, isHard: boolean): Error | number => {
  const fault = faults.take('delete', stream)
  const error = fault === undefined ? undefined : errorOf(fault)
  if (error !== undefined) return error
  if (store.readStream(stream) === 'deleted') return streamDeleted(stream)
  return store.delete(stream, isHard)
}

export const answerDelete =
  (store: EmulatedStore, faults: Faults): handleUnaryCall<DeleteReq, DeleteResp> =>
  (call, answer) => {
    const done = deletion(store, faults, nameOf(call.request.getOptions()?.getStreamIdentifier()), false)
    if (done instanceof Error) return answer(done)
    const position = new streamsPb.DeleteResp.Position()
    position.setCommitPosition(String(done))
    position.setPreparePosition(String(done))
    answer(null, new streamsPb.DeleteResp().setPosition(position))
  }

export const answerTombstone =
  (store: EmulatedStore, faults: Faults): handleUnaryCall<TombstoneReq, TombstoneResp> =>
  (call, answer) => {
    const done = deletion(store, faults, nameOf(call.request.getOptions()?.getStreamIdentifier()), true)
    if (done instanceof Error) return answer(done)
    const position = new streamsPb.TombstoneResp.Position()
    position.setCommitPosition(String(done))
    position.setPreparePosition(String(done))
    answer(null, new streamsPb.TombstoneResp().setPosition(position))
  }
