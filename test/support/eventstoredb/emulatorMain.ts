// The emulator as a process of its own, so that several nodes share it:
//
//   node dist/test/support/eventstoredb/emulatorMain.js --port 0 --control 0 [--version 24.10.0.0] [--max-append-bytes 1048576]
//
// Prints one line of JSON with both ports. Faults are planted over the control port: POST /faults with a FaultRule, DELETE /faults,
// POST /release (late commits arrive), POST /cut, POST /down, POST /up, GET /state.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { Emulator } from './emulator.js'
import type { FaultRule } from './faults.js'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    control: { type: 'string', default: '0' },
    version: { type: 'string' },
    'max-append-bytes': { type: 'string' },
  },
})
const limit = values['max-append-bytes']
const emulator = await Emulator.start({
  port: Number(values.port),
  ...(values.version === undefined ? {} : { version: values.version }),
  ...(limit === undefined ? {} : { maxAppendBytes: Number(limit) }),
})

// Whoever started it is gone: nobody would end it any more.
process.stdin.resume().once('end', () => process.exit(0))

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  let text = ''
  for await (const bytes of request) text += String(bytes)
  return text === '' ? undefined : JSON.parse(text)
}

const commands: Readonly<Record<string, (body: unknown) => unknown>> = {
  'POST /faults': (body) => emulator.faults.add(body as FaultRule),
  'DELETE /faults': () => emulator.faults.clear(),
  'POST /release': () => emulator.faults.release(),
  'POST /cut': () => emulator.cut(),
  'POST /down': () => emulator.down(),
  'POST /up': () => emulator.up(),
  'GET /state': () => ({
    events: emulator.store.all.length,
    calls: Object.fromEntries(emulator.calls),
    met: Object.fromEntries(emulator.faults.met),
  }),
}

const control = createServer((request, response) => {
  void (async () => {
    const run = commands[`${request.method} ${request.url}`]
    const answer = run === undefined ? undefined : await run(await bodyOf(request))
    response.statusCode = run === undefined ? 404 : 200
    response.end(JSON.stringify(answer ?? {}))
  })()
})
control.listen(Number(values.control), '127.0.0.1', () => {
  const { port } = control.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ port: emulator.port, control: port })}\n`)
})
