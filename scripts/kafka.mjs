// A real Kafka broker for trying things: `npm run build`, then `node scripts/kafka.mjs run` (until Ctrl-C, or until this program ends in any
// other way), or `start` and `stop` (in the background). `--version 3.9.2`, `--port 9092` and `--data DIR` say which, where, and what is kept; tests use their own broker, or
// the one that KAFKA_BROKERS names. Jars come from Maven Central once, and lie in ~/.cache/ledgerq, or where LEDGERQ_CACHE says.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    version: { type: 'string' },
    port: { type: 'string', default: '9092' },
    data: { type: 'string', default: join(homedir(), '.cache', 'ledgerq', 'broker') },
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
  },
})
const directory = resolve(values.data)
const pidFile = join(directory, 'broker.pid')

const start = async (detached) => {
  const { startBroker } = await import(
    pathToFileURL(join(resolve(values.dist), 'test/support/kafka/broker.js')).href
  )
  mkdirSync(directory, { recursive: true })
  const { version } = values
  const port = Number(values.port)
  const broker = await startBroker({
    ...(version === undefined ? {} : { version }),
    port,
    directory,
    detached,
  })
  writeFileSync(pidFile, String(broker.pid))
  console.log(`Kafka answers at ${broker.brokers}; its data is in ${directory}`)
  return broker
}

const commands = {
  run: async () => {
    const broker = await start(false)
    for (const signal of ['SIGINT', 'SIGTERM'])
      process.once(signal, () => broker.stop().then(() => rmSync(pidFile, { force: true })))
  },
  start: async () => {
    await start(true)
    process.exit(0)
  },
  stop: async () => {
    if (!existsSync(pidFile)) return console.log('No broker was started here.')
    process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM')
    rmSync(pidFile)
  },
}

const command = commands[positionals[0]]
if (command === undefined) {
  console.error('usage: node scripts/kafka.mjs run|start|stop [--version V] [--port P] [--data DIR]')
  process.exit(2)
}
await command()
