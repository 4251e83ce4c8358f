// A runner with a worker that has a broker, as a test runner is one: to be killed. Arguments: port and directory of the broker.
import { fork } from 'node:child_process'
import { startBroker } from './broker.js'

const [port, directory] = process.argv.slice(2)
if (process.env.IS_WORKER === undefined) {
  fork(process.argv[1] ?? '', process.argv.slice(2), { env: { ...process.env, IS_WORKER: '1' } })
} else {
  await startBroker({ port: Number(port), ...(directory === undefined ? {} : { directory }) })
  setInterval(() => undefined, 60_000)
}
