// A cluster of real processes struck in all the ways that the tests know (test/support/cluster/strikes.ts):
//   npm run cluster -- --failovers 50          how long queues take no write, by kind of strike, as JSON with --json
//   npm run cluster -- --messages 100000       a long run with a real Kafka broker, then the log judged and compared with the topic
//   npm run cluster -- --strikes 20 --from 7   drawn strikes, each held against what was told
// A broken promise is told with its strike, and with the directory in which the log and all answers are kept. `--kinds killed,frozen`
// picks some strikes, `--no-kafka` leaves the broker out, `--dist` names another folder of compiled sources.
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  allowNegative: true,
  options: {
    failovers: { type: 'string' },
    messages: { type: 'string' },
    strikes: { type: 'string', default: '20' },
    from: { type: 'string', default: '1' },
    nodes: { type: 'string', default: '3' },
    kinds: { type: 'string' },
    kafka: { type: 'boolean', default: true },
    'dead-after-ms': { type: 'string', default: '2000' },
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    json: { type: 'boolean', default: false },
  },
})
const wholeNumber = (name) => {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number > 0) return number
  console.error(`--${name} takes a whole number from 1, not ${values[name]}`)
  process.exit(2)
}
const load = (file) => import(pathToFileURL(join(resolve(values.dist), 'test/support', file)).href)
const { ClusterRun, spreadOf } = await load('cluster/clusterRun.js')
const { STRIKES, TAKEOVERS, HANDOVERS, strikeOf } = await load('cluster/strikes.js')

const isKnown = (kind) => STRIKES.includes(kind)
const chosen = values.kinds?.split(',')
if (chosen?.every(isKnown) === false) {
  console.error(`--kinds takes some of: ${STRIKES.join(', ')}`)
  process.exit(2)
}
const say = (text) => {
  if (!values.json) console.log(text)
}
const deadAfterMs = wholeNumber('dead-after-ms')
const seed = wholeNumber('from')
const house = {
  seed,
  nodes: wholeNumber('nodes'),
  times: { heartbeatMs: Math.floor(deadAfterMs / 4), deadAfterMs, tenureMs: 5 * deadAfterMs },
  probes: 4,
  probeEveryMs: 50,
}
const inSeconds = (ms) => (ms / 1_000).toFixed(2)
const told = ({ kind, resumedMs, longestMs }) =>
  `${kind}: writes go on after ${inSeconds(resumedMs)} s, none for ${inSeconds(longestMs)} s at most`

const byKind = (failOvers) =>
  Object.fromEntries(
    [...new Set(failOvers.map(({ kind }) => kind))].map((kind) => {
      const own = failOvers.filter((one) => one.kind === kind)
      return [
        kind,
        {
          resumedMs: spreadOf(own.map(({ resumedMs }) => resumedMs)),
          longestMs: spreadOf(own.map(({ longestMs }) => longestMs)),
        },
      ]
    }),
  )

const report = (failOvers) => {
  const spreads = (kinds) => {
    const own = failOvers.filter(({ kind }) => kinds.includes(kind))
    return {
      resumedMs: spreadOf(own.map(({ resumedMs }) => resumedMs)),
      longestMs: spreadOf(own.map(({ longestMs }) => longestMs)),
    }
  }
  return { takeovers: spreads(TAKEOVERS), handovers: spreads(HANDOVERS), kinds: byKind(failOvers) }
}

const shown = (spreads) => {
  const line = (name, { resumedMs: r, longestMs: l }) =>
    say(
      `  ${name.padEnd(18)} ${String(r.of).padStart(4)}   next write p50 ${r.p50}, p99 ${r.p99}, max ${r.max} ms   ` +
        `longest pause p50 ${l.p50}, p99 ${l.p99}, max ${l.max} ms`,
    )
  line('all takeovers', spreads.takeovers)
  line('all handovers', spreads.handovers)
  for (const [kind, spread] of Object.entries(spreads.kinds)) line(kind, spread)
}

const strikes = async (list) => {
  const run = await ClusterRun.begin(house, { producers: 2, claimers: 1, operates: true })
  process.once('SIGINT', () => void run.leave().finally(() => process.exit(130)))
  try {
    for (const strike of list) say(told(await run.run(strike)))
    await run.end()
  } catch (error) {
    say(`\n${error.stack ?? error}\n`)
    say(`${JSON.stringify(run.broken?.strike ?? 'the end')} broke a promise`)
    say(`kept: ${run.broken?.directory}, with the log and what everybody was told in its answers.json`)
    if (values.json) console.log(JSON.stringify({ ok: false, broken: String(error.message) }))
    process.exit(1)
  }
  const { records, log } = run.house
  const spreads = report(run.failOvers)
  if (values.json)
    console.log(JSON.stringify({ ok: true, events: log.eventCount, ...spreads, all: run.failOvers }))
  say(`${run.failOvers.length} strikes, ${log.eventCount} events: every promise kept`)
  shown(spreads)
  for (const [what, times] of [...records.seen].sort(([a], [b]) => (a < b ? -1 : 1)))
    say(`  ${String(times).padStart(9)}  ${what}`)
}

const campaign = async () => {
  const { Campaign } = await load('cluster/campaign.js')
  const { startBroker } = await load('kafka/broker.js')
  const broker = values.kafka ? await startBroker() : undefined
  const kinds = STRIKES.filter((kind) => values.kafka || !kind.startsWith('broker'))
  const running = await Campaign.begin({
    ...house,
    messages: wholeNumber('messages'),
    producers: 4,
    claimers: 3,
    concurrency: 32,
    quietMsMax: 3_000,
    kinds: chosen ?? kinds,
    broker,
    onStrike: (failOver, messages) => say(`${messages} messages; ${told(failOver)}`),
  })
  process.once(
    'SIGINT',
    () =>
      void Promise.all([running.house.leave({ keep: false }), broker?.stop()]).finally(() =>
        process.exit(130),
      ),
  )
  try {
    const { failOvers, seen, ...figures } = await running.run()
    const spreads = report(failOvers)
    const perSecond = Math.round(figures.messages / ((figures.loadedMs + figures.drainedMs) / 1_000))
    const cpuUsPerEvent = Math.round((figures.nodesCpuMs * 1_000) / figures.events)
    if (values.json)
      console.log(JSON.stringify({ ok: true, ...figures, perSecond, cpuUsPerEvent, ...spreads, seen }))
    say(
      `${figures.messages} messages, ${figures.events} events, ${figures.records ?? 'no'} records on the topic:`,
    )
    say('nothing lost, nothing leased twice, and the topic tells the log')
    say(
      `${failOvers.length} strikes in ${inSeconds(figures.loadedMs)} s, drained in ${inSeconds(figures.drainedMs)} s: ` +
        `${perSecond} messages a second, ${cpuUsPerEvent} us of the nodes' processor time an event`,
    )
    shown(spreads)
  } catch (error) {
    say(`\n${error.stack ?? error}\n`)
    say(`kept: ${running.house.directory}, with the log and what everybody was told in its answers.json`)
    if (values.json) console.log(JSON.stringify({ ok: false, broken: String(error.message) }))
    process.exitCode = 1
  } finally {
    await broker?.stop()
  }
}

const drawn = (count, kinds) => Array.from({ length: count }, (_, n) => strikeOf(seed + n, kinds))
const inTurn = (count, kinds) =>
  Array.from({ length: count }, (_, n) => ({ seed: seed + n, kind: kinds[n % kinds.length], whom: 'owner' }))
const withoutBroker = STRIKES.filter((kind) => !kind.startsWith('broker'))

if (values.messages !== undefined) await campaign()
else if (values.failovers === undefined) await strikes(drawn(wholeNumber('strikes'), chosen ?? withoutBroker))
else await strikes(inTurn(wholeNumber('failovers'), chosen ?? [...TAKEOVERS, ...HANDOVERS]))
