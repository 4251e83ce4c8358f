// The handler of chaos runs, the same for workers in the ledger's process and in one of their own: what it does stands in the
// payload, and it says each start and each end before it happens.
import type { Handler } from '../../src/api/types/index.js'
import { complete, fail, release } from '../../src/worker/attempt.js'
import { type Job, type Outcome, say } from './chaosLines.js'

const HANDED_BACK = { delayMs: 20 }

export const jobHandler = (): Handler<Job> => {
  const handedBack = new Set<number>()
  let running = 0
  return async ({ payload: { n, ms, outcome } }, { leaseToken, attempt, signal, inDoubt }) => {
    running += 1
    say({ say: 'started', leaseToken, n, attempt, running, inDoubt })
    if (outcome === 'poison') process.kill(process.pid, 'SIGKILL')
    if (ms > 0) await waited(ms, signal)
    running -= 1
    const ending = (how: Outcome, more: Readonly<{ failureType?: string; delayMs?: number }> = {}): void =>
      say({ say: 'ending', leaseToken, outcome: how, ...more })
    switch (outcome) {
      case 'fail':
        ending('fail', { failureType: 'NETWORK' })
        return fail({ type: 'NETWORK', message: 'as the payload says' })
      case 'throw':
        ending('fail', { failureType: 'UNKNOWN' })
        throw new Error('as the payload says')
      case 'release':
        // Once is enough: a message that is always handed back never ends.
        if (handedBack.has(n)) {
          ending('ack')
          return n
        }
        handedBack.add(n)
        ending('release', HANDED_BACK)
        return release(HANDED_BACK)
      case 'followUp':
        ending('ack')
        return complete(n, { followUps: [{ queue: 'after', payload: { of: leaseToken } }] })
      default:
        ending('ack')
        return n
    }
  }
}

const waited = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
