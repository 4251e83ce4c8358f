// From one line of a file to a message that the server will accept, or the reason why not: the same checks as behind the
// door, so that one bad line never costs the batch that it would have travelled in.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import {
  checkJsonBytes,
  describePayloadRefusal,
  PAYLOAD_DEPTH_MAX,
  PAYLOAD_KEYS_MAX,
} from '../../domain/payload/index.js'
import type { BatchItem } from '../api/types/index.js'
import { newMessage } from '../door/newMessage.js'
import { faultsOf } from '../http/closedRecord.js'
import { EnqueueBody } from '../http/codecs.js'
import { LINE_BYTES_MAX } from './ndjsonLines.js'

const LIMITS = { bytesMax: LINE_BYTES_MAX, depthMax: PAYLOAD_DEPTH_MAX + 1, keysMax: PAYLOAD_KEYS_MAX }

export type LineFormat = 'message' | 'payload'

export const itemOfLine = (bytes: Uint8Array, format: LineFormat): Either<string, BatchItem<unknown>> => {
  const checked = checkJsonBytes(bytes, LIMITS)
  if (isLeft(checked)) return left(describePayloadRefusal(checked.left).replace(/^Payload(?: at )?:? ?/, ''))
  if (format === 'payload') return checkedItem({ payload: checked.right })
  const body = EnqueueBody.decode(checked.right)
  if (isLeft(body)) {
    const [fault] = faultsOf(body.left)
    return left(
      fault === undefined
        ? 'not understood'
        : `${fault.path === '' ? '' : `${fault.path}: `}${fault.problem}`,
    )
  }
  return checkedItem(body.right)
}

const checkedItem = (item: BatchItem<unknown>): Either<string, BatchItem<unknown>> => {
  const { payload, ...options } = item
  const message = newMessage(payload, options)
  return isLeft(message) ? left(`${message.left.field}: ${message.left.problem}`) : right(item)
}
