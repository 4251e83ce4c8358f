// The quick half of the door: does a value consist of nothing but plain JSON within the limits? It answers yes or
// "look closer", never why; `preciseText` and `scanSource` say why. A property test holds them to the same verdict.
import { DEPTH_LIMIT_MAX, type PayloadLimits } from './refusal.js'

const LOOK_CLOSER = -1

export const depthMaxOf = (limits: PayloadLimits): number => Math.min(limits.depthMax, DEPTH_LIMIT_MAX)

/**
 * Recursive: the depth limit bounds it, also for cycles. `bytesLeft` falls by the least that each part takes as JSON,
 * which ends the walk early on shared parts that multiply (an array of twice the same array of twice the same ...).
 */
const walk = (value: unknown, depthLeft: number, keysMax: number, bytesLeft: number): number => {
  switch (typeof value) {
    case 'string':
      return bytesLeft - value.length - 2
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? bytesLeft - 1 : LOOK_CLOSER
    case 'boolean':
      return bytesLeft - 4
    case 'object': {
      if (value === null) return bytesLeft - 4
      if (depthLeft === 0 || typeof (value as { toJSON?: unknown }).toJSON === 'function') return LOOK_CLOSER
      return Array.isArray(value)
        ? walkArray(value, depthLeft - 1, keysMax, bytesLeft - 2)
        : walkObject(value as Readonly<Record<string, unknown>>, depthLeft - 1, keysMax, bytesLeft - 2)
    }
    default:
      return LOOK_CLOSER
  }
}

const walkArray = (
  array: ReadonlyArray<unknown>,
  depthLeft: number,
  keysMax: number,
  bytesLeft: number,
): number => {
  // Before the keys are listed: an array may claim a length of 2^32.
  if (array.length > bytesLeft) return LOOK_CLOSER
  // More keys than elements: named properties, which JSON drops. Fewer: holes, which it fills with null.
  if (Object.keys(array).length !== array.length) return LOOK_CLOSER
  let left = bytesLeft
  for (let index = 0; index < array.length && left >= 0; index += 1) {
    left = walk(array[index], depthLeft, keysMax, left)
  }
  return left
}

const walkObject = (
  object: Readonly<Record<string, unknown>>,
  depthLeft: number,
  keysMax: number,
  bytesLeft: number,
): number => {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype !== Object.prototype && prototype !== null) return LOOK_CLOSER
  if (Object.getOwnPropertySymbols(object).length > 0) return LOOK_CLOSER
  const keys = Object.keys(object)
  if (keys.length > keysMax) return LOOK_CLOSER
  let left = bytesLeft
  for (const key of keys) {
    if (key === '__proto__' || key === 'constructor') return LOOK_CLOSER
    left = walk(object[key], depthLeft, keysMax, left - key.length - 3)
    if (left < 0) return LOOK_CLOSER
  }
  return left
}

/** May throw what a getter or a proxy throws. */
export const isPlainJson = (value: unknown, limits: PayloadLimits): boolean =>
  walk(value, depthMaxOf(limits), limits.keysMax, limits.bytesMax) >= 0

/** JSON.stringify writes half a surrogate pair as \ud8xx to \udfxx: without this text there is none in any string. */
export const mayHoldLoneSurrogate = (text: string): boolean => text.includes('\\ud')
