// Long work that a request began: it goes on when the request has been answered, says how far it is, and can be cancelled.
// Known to this process only; an operation that is lost with it can be begun anew.
import { randomBytes } from 'node:crypto'
import { isLedgerqError } from '../api/errors.js'

/** Ended ones are forgotten when there are more, the oldest first. */
const OPERATIONS_MAX = 100
/** More at once are refused. */
export const RUNNING_MAX = 4

export type OperationView = Readonly<{
  id: string
  what: string
  state: 'running' | 'done' | 'failed' | 'cancelled'
  progress: unknown
  result: unknown
  error: Readonly<{ code: string; message: string }> | undefined
}>

type Operation = { view: OperationView; readonly controller: AbortController }
type Work = (onProgress: (progress: unknown) => void, signal: AbortSignal) => Promise<unknown>

export class Operations {
  private readonly known = new Map<string, Operation>()

  constructor(private readonly onError: (error: unknown) => void) {}

  get running(): number {
    return [...this.known.values()].filter(({ view }) => view.state === 'running').length
  }

  begin(what: string, work: Work): OperationView {
    this.forgetOldest()
    const id = randomBytes(9).toString('base64url')
    const controller = new AbortController()
    const begun: OperationView = {
      id,
      what,
      state: 'running',
      progress: undefined,
      result: undefined,
      error: undefined,
    }
    const operation: Operation = { view: begun, controller }
    this.known.set(id, operation)
    const change = (to: Partial<OperationView>): void => {
      operation.view = { ...operation.view, ...to }
    }
    work((progress) => change({ progress }), controller.signal).then(
      (result) => change({ state: 'done', result }),
      (error: unknown) => {
        if (controller.signal.aborted) return change({ state: 'cancelled' })
        if (!isLedgerqError(error)) this.onError(error)
        const told = isLedgerqError(error)
          ? { code: error.code, message: error.message }
          : { code: 'internal', message: 'see the log of the server' }
        change({ state: 'failed', error: told })
      },
    )
    return begun
  }

  view(id: string): OperationView | undefined {
    return this.known.get(id)?.view
  }

  /** False = there is none of that id. One that has ended stays as it is. */
  cancel(id: string): boolean {
    const operation = this.known.get(id)
    operation?.controller.abort(new Error('cancelled'))
    return operation !== undefined
  }

  /** When the server stops. */
  cancelAll(): void {
    for (const { controller } of this.known.values()) controller.abort(new Error('the server stops'))
  }

  private forgetOldest(): void {
    for (const [id, { view }] of this.known) {
      if (this.known.size < OPERATIONS_MAX) return
      if (view.state !== 'running') this.known.delete(id)
    }
  }
}
