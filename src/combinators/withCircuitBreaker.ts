// A circuit breaker around any function (C8).
import type { CircuitOptions } from '../../domain/circuit/index.js'
import {
  type Classifier,
  classify,
  composeClassifiers,
  type FailureType,
} from '../../domain/failure/index.js'
import { isPromiseLike } from './calls.js'
import { type CircuitBreaker, type CircuitBreakers, processBreakers } from './circuitBreakers.js'

export type CircuitBreakerOptions = Readonly<{
  /** What the function depends on. Same name, same breaker: also of other functions of the registry. */
  name: string
  /** Default: those of the registry. */
  settings?: CircuitOptions
  /** Default: {@link processBreakers}. It brings the clock. */
  registry?: CircuitBreakers
  /** Which failure type an error is; without an opinion of its own (undefined) the queue's classifier is asked. */
  classify?: Classifier
}>

type Guarded<A extends ReadonlyArray<unknown>, R> = ((...args: A) => R) &
  Readonly<{ breaker: CircuitBreaker }>

const typeOfErrors = ({ classify: user }: CircuitBreakerOptions): ((error: unknown) => FailureType) =>
  user === undefined ? classify : composeClassifiers(user)

const breakerOf = ({ name, settings, registry = processBreakers }: CircuitBreakerOptions): CircuitBreaker =>
  registry.breaker(name, settings)

/**
 * The function behind its circuit breaker. While that is open the function is not called, and the call rejects with a
 * {@link CircuitOpenError}. As it is not known then what the function would have answered, the result is always a
 * promise; for synchronous functions there is {@link withCircuitBreakerSync}.
 *
 * @throws CircuitSettingsError, RefusedError `breaker_exists`, where it is written
 */
export const withCircuitBreaker = <A extends ReadonlyArray<unknown>, R>(
  fn: (...args: A) => R,
  options: CircuitBreakerOptions,
): Guarded<A, Promise<Awaited<R>>> => {
  const breaker = breakerOf(options)
  const typeOf = typeOfErrors(options)
  const guarded = async (...args: A): Promise<Awaited<R>> => {
    const call = breaker.enter()
    let answer: Awaited<R>
    try {
      answer = await fn(...args)
    } catch (error) {
      call.failed(typeOf(error))
      throw error
    }
    call.succeeded()
    return answer
  }
  return Object.assign(guarded, { breaker })
}

/**
 * The same for a function that answers at once: it stays synchronous, and throws what the other one rejects with.
 *
 * @throws TypeError when the function answers with a promise after all: how that ends would not be counted
 */
export const withCircuitBreakerSync = <A extends ReadonlyArray<unknown>, R>(
  fn: (...args: A) => R,
  options: CircuitBreakerOptions,
): Guarded<A, R> => {
  const breaker = breakerOf(options)
  const typeOf = typeOfErrors(options)
  const guarded = (...args: A): R => {
    const call = breaker.enter()
    let answer: R
    try {
      answer = fn(...args)
    } catch (error) {
      call.failed(typeOf(error))
      throw error
    }
    if (isPromiseLike(answer)) {
      call.released()
      throw new TypeError(
        `a promise from the function behind "${breaker.name}": use withCircuitBreaker for it`,
      )
    }
    call.succeeded()
    return answer
  }
  return Object.assign(guarded, { breaker })
}
