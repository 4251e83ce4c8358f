// Queues of the configuration file, made so when a server starts: created when they are not there, changed when a setting
// differs. What the file does not state stays as it is, and a queue that has left the file is left alone.
import type { Actor, Ledger } from '../api/types/index.js'
import type { DeclaredQueue } from '../config/index.js'

/** @throws RefusedError when a queue that exists cannot be changed so: its number of partitions is fixed */
export const openDeclaredQueues = async (
  ledger: Ledger,
  declared: ReadonlyArray<DeclaredQueue>,
  by: Actor,
): Promise<void> => {
  const existing = new Set((await ledger.queues()).map(({ queue }) => queue))
  for (const { queue: name, settings } of declared) {
    if (!existing.has(name)) await ledger.createQueue(name, settings, by)
    else if (Object.keys(settings).length > 0) await (await ledger.openQueue(name)).configure(settings, by)
  }
}
