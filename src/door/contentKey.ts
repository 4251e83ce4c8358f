// What a queue takes for the same message (A6), by its setting `dedup`: the sender's key; that or else the content; or
// neither. Idempotency keys and callers' ids are no part of this: they name a call and a message, whatever the setting.
import { createHash } from 'node:crypto'
import { canonicalText } from '../../domain/payload/index.js'
import type { QueueConfig } from '../../domain/queue/index.js'
import type { NewMessage } from '../engine/requests.js'

export const withDedup = (message: NewMessage, mode: QueueConfig['dedup']): NewMessage => {
  switch (mode) {
    case 'key':
      return message
    case 'content': {
      if (message.attributes?.dedupKey !== undefined) return message
      return { ...message, attributes: { ...message.attributes, dedupKey: contentKey(message) } }
    }
    case 'off': {
      if (message.attributes?.dedupKey === undefined) return message
      const { dedupKey: _ignored, ...attributes } = message.attributes
      return { ...message, attributes: Object.keys(attributes).length === 0 ? undefined : attributes }
    }
  }
}

/** The same payload under another type or topic says something else. */
const contentKey = ({ payload, attributes }: NewMessage): string => {
  const { type, topic } = attributes ?? {}
  const hash = createHash('sha256')
  if (type !== undefined || topic !== undefined) hash.update(JSON.stringify([type ?? null, topic ?? null]))
  return `sha256:${hash.update(canonicalText(payload)).digest('base64url')}`
}
