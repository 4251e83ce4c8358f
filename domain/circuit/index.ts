// Circuit settings, the state machine and its events; the only import path from outside, but for stored forms (codecs.ts).
export type { CircuitEvent } from './events.js'
export {
  admitsOne,
  CIRCUIT_CLOSED,
  type CircuitState,
  circuitOf,
  decideCircuit,
  evolveCircuit,
  failuresCounted,
  isAtRest,
  noteAttemptStarted,
  noteFailure,
  noteNeutral,
  noteSuccess,
  UNNAMED_CIRCUIT,
} from './machine.js'
export {
  CIRCUIT_MS_MAX,
  type CircuitOptions,
  type CircuitSettings,
  CircuitSettingsCodec,
  CircuitSettingsError,
  circuit,
  countsAsFailure,
  DEFAULT_CIRCUIT,
  describeCircuitSettingsRefusal,
  EVERY_FAILURE_TYPE,
  FAILURE_THRESHOLD_MAX,
  PROBES_MAX_MAX,
  readCircuitSettings,
  SUCCESS_THRESHOLD_MAX,
  sensitiveCircuit,
} from './settings.js'
