// A process whose handler is killed by one message. Arguments: directory, what to do (`seed` or `work`), number of messages,
// the number in the payload of the poisonous one. Writes a line for each start, and one when everything has ended.
import { openLedger } from '../../src/api/openLedger.js'

const [directory = '', task = 'work', count = '0', poison = '-1'] = process.argv.slice(2)
const say = (line: unknown): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

const ledger = await openLedger({ log: { kind: 'embedded', path: directory } })
const queue = await ledger.queue<{ n: number }>('poison')

if (task === 'seed') {
  for (let n = 0; n < Number(count); n++) await queue.enqueue({ n })
} else {
  const ended = new Promise<void>((resolve) => {
    let running = 0
    queue.process(
      async ({ payload: { n } }, { attempt }) => {
        running++
        say({ start: n, attempt, running })
        await new Promise((turn) => setImmediate(turn))
        if (n === Number(poison)) process.kill(process.pid, 'SIGKILL')
        running--
        void queue.stats().then(({ pending, processing, retrying, scheduled }) => {
          if (pending + processing + retrying + scheduled <= 1) setImmediate(resolve)
        })
      },
      { concurrency: 5 },
    )
    void queue.stats().then(({ pending, retrying, processing }) => {
      if (pending + retrying + processing === 0) resolve()
    })
  })
  await ended
  const { messages } = await queue.deadLetters()
  const { succeeded } = await queue.stats()
  say({ succeeded, dead: messages.map(({ payload, attempts, reason }) => ({ payload, attempts, reason })) })
}
await ledger.close()
