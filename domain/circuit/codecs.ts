// Every version of a circuit's events as they are stored, and the settings as they stand in a stored configuration.
import * as t from 'io-ts'
import { firstVersion } from '../eventCodec.js'
import { NaturalCodec, storedRecord } from '../storedFields.js'
import type { CircuitCloseReason, CircuitOpenReason } from './events.js'
import type { CircuitSettings } from './settings.js'

/** Not the codec of the door: bounds that move later must not make recorded settings unreadable. */
export const StoredCircuitSettingsCodec: t.Type<CircuitSettings, unknown> = storedRecord('CircuitSettings', {
  failureThreshold: NaturalCodec,
  windowMs: NaturalCodec,
  openMs: NaturalCodec,
  probesMax: NaturalCodec,
  successThreshold: NaturalCodec,
  failureTypes: t.readonlyArray(t.string),
  adaptive: t.boolean,
})

const openReasons: Record<CircuitOpenReason, null> = {
  failureThreshold: null,
  failureShare: null,
  probeFailed: null,
}
const closeReasons: Record<CircuitCloseReason, null> = { probesSucceeded: null }

export const circuitCodecs = {
  CircuitOpened: firstVersion(
    'CircuitOpened',
    storedRecord('CircuitOpened', {
      circuit: t.string,
      reason: t.keyof(openReasons),
      retryAt: NaturalCodec,
    }),
  ),
  CircuitHalfOpened: firstVersion(
    'CircuitHalfOpened',
    storedRecord('CircuitHalfOpened', { circuit: t.string }),
  ),
  CircuitClosed: firstVersion(
    'CircuitClosed',
    storedRecord('CircuitClosed', { circuit: t.string, reason: t.keyof(closeReasons) }),
  ),
}
