// The door for payloads and the measures of text; the only import path from outside this folder.
export { canonicalText } from './canonicalText.js'
export { checkJsonBytes, checkJsonSource } from './jsonSource.js'
export { acceptJson } from './jsonText.js'
export {
  DEFAULT_PAYLOAD_LIMITS,
  describePayloadRefusal,
  PAYLOAD_BYTES_MAX,
  PAYLOAD_DEPTH_MAX,
  PAYLOAD_KEYS_MAX,
  type PayloadLimits,
  type PayloadRefusal,
} from './refusal.js'
export { cutUtf8, fitsUtf8 } from './utf8.js'
