// Time limits, retries and circuit breakers for users' own functions (C8); the only import path from outside.
export {
  type BreakerListener,
  type BreakerOptions,
  type BreakerState,
  CALL_CIRCUIT,
  type CircuitBreaker,
  CircuitBreakers,
  processBreakers,
} from './circuitBreakers.js'
export { CircuitOpenError, RetriesExhaustedError, TimeoutError } from './errors.js'
export {
  type CircuitBreakerOptions,
  withCircuitBreaker,
  withCircuitBreakerSync,
} from './withCircuitBreaker.js'
export { DEFAULT_CALL_RETRY, type Retry, type RetryOptions, withRetry } from './withRetry.js'
export { type TimeoutOptions, withTimeout } from './withTimeout.js'
