// Error recovery: a payment process is killed in the middle of a charge. The next start finds the attempt in the log, asks the
// bank (here: a file) whether the charge happened, and does not charge twice. Two other orders fail in ways of their own.
//
//   node examples/error-recovery.mjs
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fixed, openLedger } from 'ledgerq'

const ME = fileURLToPath(import.meta.url)
const [, , role, folder = mkdtempSync(join(tmpdir(), 'recovery-'))] = process.argv
const bank = join(folder, 'bank.log')
const charges = () => (existsSync(bank) ? readFileSync(bank, 'utf8').trim().split('\n') : [])

const open = () => openLedger({ log: { kind: 'embedded', path: join(folder, 'data') }, logging: false })
const failures = { NETWORK: fixed({ delayMs: 50, retriesMax: 3 }) }

const charge = async ({ payload }, { attempt }) => {
  if (payload.card === 'expired')
    throw Object.assign(new Error('the card has expired'), { failureType: 'BUSINESS' })
  if (payload.card === 'flaky' && attempt < 3)
    throw Object.assign(new Error('no answer'), { code: 'ECONNRESET' })
  appendFileSync(bank, `${payload.orderId}\n`)
  // The bank has the money; the process dies before it can say so.
  if (role === 'victim') process.kill(process.pid, 'SIGKILL')
  return { charged: payload.orderId }
}

/** The effect of an earlier attempt may have happened: look before doing it again. */
const reconcile = ({ payload }) =>
  charges().includes(String(payload.orderId))
    ? { done: true, result: { charged: payload.orderId, found: true } }
    : undefined

if (role === 'victim') {
  const ledger = await open()
  const payments = await ledger.queue('payments', { failures })
  await payments.enqueue({ orderId: 1, card: 'good' }, { id: 'order-1' })
  payments.process(charge)
} else {
  const victim = spawn(process.execPath, [ME, 'victim', folder], { stdio: 'inherit' })
  await new Promise((resolve) => victim.once('exit', resolve))
  console.log(`The first process was killed; the bank knows of ${charges().length} charge.`)

  const ledger = await open()
  const payments = await ledger.queue('payments', { failures })
  await payments.enqueue({ orderId: 2, card: 'flaky' }, { id: 'order-2' })
  await payments.enqueue({ orderId: 3, card: 'expired' }, { id: 'order-3' })
  payments.process(charge, { reconcile })

  for (const id of ['order-1', 'order-2', 'order-3']) {
    const { state, result, error } = await payments.result(id)
    console.log(id, state, JSON.stringify(result ?? error))
    for (const { type, data } of await payments.history(id)) {
      if (type.startsWith('Attempt') || type === 'MessageDeadLettered')
        console.log('   ', type, data.failureType ?? data.reason ?? '')
    }
  }
  console.log(`Charges at the bank: ${charges().sort().join(', ')}`)
  await ledger.close()
  rmSync(folder, { recursive: true, force: true })
}
