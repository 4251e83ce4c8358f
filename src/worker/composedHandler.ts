// From what `process()` was given to the one function a worker runs: which handler takes a message (D10, D11), what is asked
// before it (C5), and who has a say after it failed (C11). Composed once, so that a plain handler is called as it is.
import type { FailureType } from '../../domain/failure/index.js'
import { SYSTEM_FAILURE } from '../../domain/message/index.js'
import type { Handler, Handlers, ProcessOptions, Processor } from '../api/types/index.js'
import { failureReportedBy, failureTypeOf, isWishedOutcome, reconciledWith } from './attempt.js'
import { NoHandler, type Processors } from './processors.js'

const OTHERS = '*'

type Step = Handler<never>
type Tools = Readonly<{
  classifier: (error: unknown) => FailureType
  report: (error: Error) => void
}>

/** The function that a worker runs, composed anew when its processors change. */
export class WorkerHandler<A> {
  run: Handler<A>
  private readonly composed: () => Handler<A>

  /** @throws TypeError when a handler is no function */
  constructor(
    handlers: Handlers<A>,
    options: ProcessOptions<A>,
    private readonly processors: Processors<A>,
    tools: Tools,
  ) {
    this.composed = () => composedHandler(handlers, options, processors, tools)
    this.run = this.composed()
  }

  addProcessor(processor: Processor<A>): void {
    this.processors.add(processor)
    this.run = this.composed()
  }

  removeProcessor(name: string): boolean {
    const removed = this.processors.remove(name)
    if (removed) this.run = this.composed()
    return removed
  }
}

const composedHandler = <A>(
  handlers: Handlers<A>,
  options: ProcessOptions<A>,
  processors: Processors<A>,
  tools: Tools,
): Handler<A> => {
  let run = chosenHandler(handlers as Handlers<never>) as Handler<A>
  if (processors.isUsed) run = processors.before(run)
  const { reconcile, onFailure } = options
  if (reconcile !== undefined) run = reconcilingFirst(run, reconcile)
  if (onFailure !== undefined) run = withFailureHandlers(run, onFailure, tools)
  return run
}

const chosenHandler = (handlers: Handlers<never>): Step => {
  if (typeof handlers === 'function') return handlers
  if (typeof handlers !== 'object' || handlers === null)
    throw new TypeError('process: accepted is a function, or an object of functions by message type')
  const byType = new Map(Object.entries(handlers))
  for (const [type, handler] of byType) {
    if (typeof handler !== 'function') throw new TypeError(`the handler of type ${type} is no function`)
  }
  const others = byType.get(OTHERS) ?? noHandler
  return (message, context) => {
    const { type } = message as Readonly<{ type: string | undefined }>
    const handler = type === undefined ? others : (byType.get(type) ?? others)
    return handler(message, context)
  }
}

const noHandler: Handler<unknown> = ({ type }) => {
  throw new NoHandler(
    type === undefined
      ? 'no handler for a message without a type'
      : `no handler for the type ${JSON.stringify(type)}`,
  )
}

/** Only where an earlier attempt may have had its effect; what says "done" ends the attempt without the handler (C5). */
const reconcilingFirst =
  <A>(run: Handler<A>, reconcile: NonNullable<ProcessOptions<A>['reconcile']>): Handler<A> =>
  (message, context) => {
    if (!context.inDoubt) return run(message, context)
    const asked = async (): Promise<unknown> => {
      const answer = await reconcile(message, context)
      if (answer?.done === true) return reconciledWith(answer.result)
      // Ended meanwhile: the handler must not begin what nobody waits for.
      context.signal.throwIfAborted()
      return run(message, context)
    }
    return asked()
  }

/** What they answer stands in for the outcome; without an answer, or when they fail themselves, it stays as it was. */
const withFailureHandlers = <A>(
  run: Handler<A>,
  onFailure: NonNullable<ProcessOptions<A>['onFailure']>,
  { classifier, report }: Tools,
): Handler<A> => {
  const byType = new Map(Object.entries(onFailure))
  for (const [type, handler] of byType) {
    if (typeof handler !== 'function') throw new TypeError(`onFailure: the handler of ${type} is no function`)
  }
  return async (message, context) => {
    let value: unknown
    let failure: unknown
    let type: FailureType
    let isThrown = false
    try {
      value = await run(message, context)
      const reported = failureReportedBy(value)
      if (reported === undefined) return value
      failure = reported
      type = reported.failureType
    } catch (error) {
      failure = error
      type = failureTypeOf(error, classifier)
      isThrown = true
    }
    // Mistakes of the set-up are nobody's business rule: `*` does not mean them.
    const handler = byType.get(type) ?? (type === SYSTEM_FAILURE ? undefined : byType.get(OTHERS))
    // The attempt may have been ended meanwhile, by its time limit or with its lease: there is nothing left to decide.
    if (handler !== undefined && !context.signal.aborted) {
      try {
        const outcome = await handler(message, failure, context)
        if (isWishedOutcome(outcome)) return outcome
      } catch (error) {
        report(new Error(`the failure handler of ${type} failed itself`, { cause: error }))
      }
    }
    if (isThrown) throw failure
    return value
  }
}
