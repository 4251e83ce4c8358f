// Any settings a circuit accepts, and small ones for which a short history is enough to see every change.
import fc from 'fast-check'
import {
  CIRCUIT_MS_MAX,
  type CircuitSettings,
  circuit,
  EVERY_FAILURE_TYPE,
  FAILURE_THRESHOLD_MAX,
  PROBES_MAX_MAX,
  SUCCESS_THRESHOLD_MAX,
} from '../../../domain/circuit/index.js'

const upTo = (max: number) => fc.integer({ min: 1, max })
const failureTypes = fc.array(fc.constantFrom('DATABASE', 'NETWORK', 'MY_OWN', EVERY_FAILURE_TYPE), {
  minLength: 1,
  maxLength: 5,
})

export const circuitSettings: fc.Arbitrary<CircuitSettings> = fc
  .record({
    failureThreshold: upTo(FAILURE_THRESHOLD_MAX),
    windowMs: upTo(CIRCUIT_MS_MAX),
    openMs: upTo(CIRCUIT_MS_MAX),
    probesMax: upTo(PROBES_MAX_MAX),
    successThreshold: upTo(SUCCESS_THRESHOLD_MAX),
    failureTypes,
    adaptive: fc.boolean(),
  })
  .map((options) => circuit(options))

export const quickCircuit: fc.Arbitrary<CircuitSettings> = fc
  .record({
    failureThreshold: upTo(6),
    windowMs: fc.integer({ min: 10, max: 60 }),
    openMs: fc.integer({ min: 5, max: 30 }),
    probesMax: upTo(3),
    successThreshold: upTo(3),
    adaptive: fc.boolean(),
  })
  .map((options) => circuit(options))
