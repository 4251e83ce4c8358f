// The message of one planned instant. What the caller of `schedule` gave was checked then; nothing is checked again here.
import { type Schedule, tickId } from '../../domain/schedule/index.js'
import type { EpochMs } from '../../domain/time.js'
import type { NewMessage } from '../engine/requests.js'

/** Tells a handler which schedule and which instant a message stands for; a late one still names the planned instant. */
export const SCHEDULE_HEADER = 'ledgerq-schedule'
export const TICK_HEADER = 'ledgerq-tick'

export const tickMessage = ({ name, payload, options }: Schedule, tick: EpochMs): NewMessage => {
  const { priority = 0, ttlMs = 0, headers, ...attributes } = options
  return {
    callerId: tickId(name, tick),
    payload,
    priority,
    delayMs: 0,
    notBefore: 0,
    ttlMs,
    attributes: {
      ...attributes,
      headers: { ...headers, [SCHEDULE_HEADER]: name, [TICK_HEADER]: new Date(tick).toISOString() },
    },
  }
}
