// Which large payload an event names: it lies beside the log, and has to move with it.
import type { LedgerEvent } from '../../domain/batch.js'
import type { BlobRef } from '../../domain/message/index.js'

export const blobNamedBy = (event: LedgerEvent): BlobRef | undefined =>
  event.type === 'MessageEnqueued' || event.type === 'MessageEdited' ? event.attributes?.blob : undefined
