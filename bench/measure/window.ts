// The measured part of a step: its time, CPU, syncs, bytes and event-loop delay, and, where asked for, a CPU profile of
// just this part. Nothing else of a step (warm-up, filling, closing) is in any figure.
import { mkdirSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Ledger } from '../../src/api/types/index.js'
import { type LoopDelay, watchLoopDelay } from './loopDelay.js'

const SAMPLE_EVERY_MICROS = 200

export type Measured = Readonly<{
  seconds: number
  fsyncs: number
  bytes: number
  events: number
  loopDelay: LoopDelay
  /** Share of one core, all threads of the process: 2 = two cores busy. */
  cpuCores: number
}>

/** `profile`: where to write `<name>.cpuprofile`. */
export const measured = async (
  ledger: Ledger,
  run: () => Promise<void>,
  profile?: Readonly<{ folder: string; name: string }>,
): Promise<Measured> => {
  const endProfile = profile === undefined ? undefined : await beginProfile(profile)
  const before = (await ledger.stats()).log
  const loopDelay = watchLoopDelay()
  const cpu = process.cpuUsage()
  const began = performance.now()
  await run()
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const delay = loopDelay()
  const now = (await ledger.stats()).log
  await endProfile?.()
  return {
    seconds,
    fsyncs: now.syncs - before.syncs,
    bytes: now.bytes - before.bytes,
    events: now.position - before.position,
    loopDelay: delay,
    cpuCores: Number(((user + system) / 1e6 / seconds).toFixed(2)),
  }
}

const beginProfile = async ({
  folder,
  name,
}: {
  folder: string
  name: string
}): Promise<() => Promise<void>> => {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_MICROS })
  await session.post('Profiler.start')
  return async () => {
    const { profile } = await session.post('Profiler.stop')
    session.disconnect()
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${name}.cpuprofile`), JSON.stringify(profile))
  }
}
