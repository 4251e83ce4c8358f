// What ledgerq log export and log import do; loaded only when one of them is asked for.
import { once } from 'node:events'
import { resolve } from 'node:path'
import cliProgress from 'cli-progress'
import { ChainFault, type ChainFaultKind } from '../chain/chainedBatch.js'
import { maskedAddress } from '../config/index.js'
import { fileTarget, type Sink, streamTarget } from '../transfer/fileSide.js'
import { follow, whenReachable } from '../transfer/follow.js'
import { type Moved, type MoveOptions, type MovePhase, move } from '../transfer/move.js'
import { isDirectory, openSource, openTarget, openTargetToLook, type Place } from '../transfer/places.js'
import type { ChainSource, ChainTarget } from '../transfer/sides.js'
import type { Context } from './context.js'
import { CommandFailed, EXIT, type ExitCode, UsageError } from './exitCode.js'
import { checkedPlace, logPlace } from './logPlace.js'
import { facts, grouped } from './table.js'
import { printable } from './terminal.js'
import { chainHeads } from './verified.js'

const EXITS: Readonly<Record<ChainFaultKind, ExitCode>> = {
  damaged: EXIT.failed,
  unavailable: EXIT.failed,
  refused: EXIT.failed,
  conflict: EXIT.conflict,
  notFound: EXIT.notFound,
}

const PHASES: Readonly<Record<MovePhase, string>> = {
  source: 'reading the source',
  payloads: 'large payloads',
  copy: 'writing',
  target: 'reading it back',
}

export const placeOf = (where: string, prefix: string | undefined): Place => ({
  where,
  spoken: maskedAddress(where),
  ...(prefix === undefined ? {} : { prefix }),
})

type Watch = Readonly<{ onProgress: NonNullable<MoveOptions['onProgress']>; stop: () => void }>

/** A bar while a person watches; with --json a line for each step of a few, so that a program can watch, too. */
const watch = ({ terminal, json }: Context): Watch => {
  if (json) {
    let last = ''
    const onProgress: Watch['onProgress'] = (phase, events, of) => {
      const step = `${phase} ${Math.floor((events * 20) / Math.max(of, events, 1))}`
      if (step === last) return
      last = step
      terminal.say(JSON.stringify({ progress: phase, done: events, ...(of === 0 ? {} : { of }) }))
    }
    return { onProgress, stop: () => undefined }
  }
  if (!terminal.isWatched) return { onProgress: () => undefined, stop: () => undefined }
  const bar = new cliProgress.SingleBar(
    {
      stream: terminal.stderr as NodeJS.WriteStream,
      format: '{bar} {percentage}% | {phase}: {count} | {duration_formatted}',
      clearOnComplete: true,
      hideCursor: true,
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  )
  bar.start(1, 0, { phase: PHASES.source, count: '0' })
  return {
    onProgress: (phase, events, of) => {
      bar.setTotal(Math.max(of, events, 1))
      bar.update(of === 0 ? 0 : events, { phase: PHASES[phase], count: grouped(events) })
    },
    stop: () => bar.stop(),
  }
}

/** Runs `act` and tells its faults as sentences with the exit code that goes with them. */
export const told = async <A>(context: Context, signal: AbortSignal, act: () => Promise<A>): Promise<A> => {
  try {
    return await act()
  } catch (error) {
    if (error instanceof ChainFault) throw new CommandFailed(EXITS[error.kind], `${error.message}.`)
    if (!signal.aborted || error !== signal.reason) throw error
    context.terminal.say('Stopped. The same command goes on from here.')
    throw new CommandFailed(EXIT.failed)
  }
}

const moved = async (
  context: Context,
  source: ChainSource,
  target: ChainTarget,
  options: Omit<MoveOptions, 'onProgress' | 'signal'>,
  signal: AbortSignal,
): Promise<Moved> => {
  const { onProgress, stop } = watch(context)
  try {
    return await move(source, target, { ...options, signal, onProgress })
  } finally {
    stop()
    await target.close()
    await source.close()
  }
}

const VERIFIED: Readonly<Record<Moved['verified'], string>> = {
  full: 'read back: every chain and every state is that of the source',
  heads: 'the heads of all chains are those of the source',
  no: 'no',
}

const described = (from: string, to: string, result: Moved, isDryRun: boolean): string => {
  const { events, written, partitions, blobs, blobsLeftBehind, verified, streams } = result
  const payloads = `${grouped(blobs)}${blobsLeftBehind > 0 ? `, ${grouped(blobsLeftBehind)} of them left behind` : ''}`
  const summary = facts([
    ['from', from],
    ['to', to],
    ['events', grouped(events)],
    [isDryRun ? 'would write' : 'written now', grouped(written)],
    ['partitions', grouped(partitions)],
    ['large payloads', blobs === 0 ? undefined : payloads],
    ['verified', isDryRun ? undefined : VERIFIED[verified]],
  ])
  return streams.length === 0 ? summary : `${summary}\n\n${chainHeads(streams)}`
}

export type ExportOptions = Readonly<{
  to: string
  log?: string
  prefix?: string
  compress: boolean
  withoutBlobs?: boolean
}>

const standardOutput: Sink = {
  write: async (bytes) => {
    if (!process.stdout.write(bytes)) await once(process.stdout, 'drain')
  },
  sync: async () => undefined,
  close: async () => undefined,
}

export const exportLog = async (context: Context, options: ExportOptions): Promise<void> => {
  const place = placeOf(logPlace(options.log, context.config), options.prefix)
  const signal = context.process.stopping()
  const isStream = options.to === '-'
  const result = await told(context, signal, async () => {
    const source = await openSource(place)
    const { spoken } = place
    const target = await (isStream
      ? streamTarget(standardOutput, spoken, options.compress)
      : fileTarget(resolve(options.to), spoken, options.compress)
    ).catch(async (error: unknown) => {
      await source.close()
      throw error
    })
    return moved(context, source, target, { withoutBlobs: options.withoutBlobs === true }, signal)
  })
  const text = (): string => described(place.spoken, isStream ? 'standard output' : options.to, result, false)
  if (isStream) context.terminal.say(context.json ? JSON.stringify(result) : text())
  else context.show(result, text)
}

export type ImportOptions = Readonly<{
  from: string
  log: string
  prefix?: string
  fromPrefix?: string
  follow?: boolean
  dryRun?: boolean
  withoutBlobs?: boolean
  verify: 'full' | 'heads'
}>

export const importLog = async (context: Context, options: ImportOptions): Promise<void> => {
  const from = placeOf(checkedPlace('--from', options.from), options.fromPrefix)
  const to = placeOf(checkedPlace('--log', options.log), options.prefix)
  const signal = context.process.stopping()
  const { dryRun = false, withoutBlobs = false, verify } = options
  const how = { dryRun, withoutBlobs, verify }
  const moveOnce = async (): Promise<Moved> => {
    if (from.where === to.where && from.prefix === to.prefix)
      throw new ChainFault('refused', '--from and --log are the same place')
    const target = await (dryRun ? openTargetToLook(to) : openTarget(to))
    const source = await openSource(from).catch(async (error: unknown) => {
      await target.close()
      throw error
    })
    return moved(context, source, target, how, signal)
  }
  const show = (result: Moved): void =>
    context.show({ ...result, dryRun }, () => described(from.spoken, to.spoken, result, dryRun))
  if (options.follow !== true) return show(await told(context, signal, moveOnce))
  if (dryRun) throw new UsageError('--follow: a dry run writes nothing that could be followed.')
  if (!(await isDirectory(from))) throw new UsageError('--follow: only a directory can be followed.')
  await told(context, signal, () => followOn(context, from, to, { moveOnce, show, signal }))
}

type Following = Readonly<{
  moveOnce: () => Promise<Moved>
  show: (result: Moved) => void
  signal: AbortSignal
}>

const followOn = async (
  context: Context,
  from: Place,
  to: Place,
  { moveOnce, show, signal }: Following,
): Promise<void> => {
  const { terminal, json } = context
  const say = (value: object, text: string): void => terminal.say(json ? JSON.stringify(value) : text)
  const onWay = (trouble: string | undefined): void =>
    trouble === undefined
      ? say({ way: 'open' }, 'The way is open again.')
      : say({ way: 'cut', trouble }, `${printable(trouble)}; trying again until the way is open`)
  const onCaughtUp = (events: number): void =>
    say({ caughtUp: events }, `${grouped(events)} events written; nothing is missing`)
  const whenOpen = { signal, onWay }
  const result = await whenReachable(whenOpen, moveOnce)
  if (result === undefined) return
  show(result)
  const target = await whenReachable(whenOpen, () => openTarget(to))
  if (target === undefined) return
  try {
    const events = await follow(resolve(from.where), target, { ...whenOpen, onCaughtUp })
    say({ stopped: true, events }, `Stopped; ${grouped(events)} events were written meanwhile.`)
  } finally {
    await target.close()
  }
}
