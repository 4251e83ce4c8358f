// From the bytes of a body to the value they stand for, or why not: what JSON.parse would change in silence is refused
// with its place (R53). Compressed bodies are not taken, so no few bytes can unfold into many (R52).
import { isUtf8 } from 'node:buffer'
import { isLeft } from 'fp-ts/lib/Either.js'
import {
  checkJsonSource,
  describePayloadRefusal,
  PAYLOAD_DEPTH_MAX,
  PAYLOAD_KEYS_MAX,
  type PayloadRefusal,
} from '../../domain/payload/index.js'
import { HttpProblem } from './problem.js'

/** Around a payload in a batch: the body, its list, the message. */
const ENVELOPE_DEPTH = 3

/** Fastify has counted the bytes of the route's own limit already; payloads meet theirs in the ledger. */
const LIMITS = {
  bytesMax: Number.MAX_SAFE_INTEGER,
  depthMax: PAYLOAD_DEPTH_MAX + ENVELOPE_DEPTH,
  keysMax: PAYLOAD_KEYS_MAX,
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Undefined for an empty body. @throws HttpProblem */
export const bodyOf = (headers: Headers, bytes: Buffer): unknown => {
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpProblem(
      415,
      'unsupported_encoding',
      'Compressed bodies are not accepted; send it as it is.',
    )
  }
  if (bytes.length === 0) return undefined
  // Checked first and then read as it is: a strict decoder per request cost more than the rest of a small body.
  if (!isUtf8(bytes)) throw problemOfBody({ type: 'NotUtf8', path: '' })
  const checked = checkJsonSource(bytes.toString('utf8'), LIMITS)
  if (isLeft(checked)) throw problemOfBody(checked.left)
  return checked.right
}

const problemOfBody = (refusal: PayloadRefusal): HttpProblem => {
  const detail = describePayloadRefusal(refusal).replace(/^Payload/, 'Body')
  const fault = [{ path: refusal.path, problem: detail }]
  switch (refusal.type) {
    case 'Malformed':
    case 'NotUtf8':
      return new HttpProblem(400, 'malformed_json', detail, fault)
    case 'TooLarge':
      return new HttpProblem(413, 'body_too_large', detail, fault)
    default:
      return new HttpProblem(422, 'payload_refused', detail, fault)
  }
}
