// The log thread on a machine so busy that each wake-up call comes a second time, late: while it waits for the next command.
import { realDisk } from '../../../src/adapters/embedded/disk.js'
import { runLogThread } from '../../../src/adapters/embedded/logThread.js'

const wait = Atomics.wait.bind(Atomics) as (
  words: Int32Array,
  at: number,
  seen: number,
  timeoutMs?: number,
) => ReturnType<typeof Atomics.wait>
let waits = 0

Object.assign(Atomics, {
  wait: (words: Int32Array, at: number, seen: number, timeoutMs?: number) => {
    waits += 1
    return waits % 2 === 0 ? 'ok' : wait(words, at, seen, timeoutMs)
  },
})

runLogThread(realDisk)
