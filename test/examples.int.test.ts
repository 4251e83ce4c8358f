// The examples do what they say (E21): each runs as a user would run it, in a process of its own, and tells its figures.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const REPOSITORY = fileURLToPath(new URL('../', import.meta.url))
const example = async (path: string, ...args: string[]): Promise<string> => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [`examples/${path}`, ...args], {
    cwd: REPOSITORY,
  })
  expect(stderr).toBe('')
  return stdout
}

describe('the examples', () => {
  it('E21, C5: error recovery charges once although the process was killed after the charge', async () => {
    const out = await example('error-recovery.mjs')
    expect(out).toContain('order-1 succeeded {"charged":1,"found":true}')
    expect(out).toContain('AttemptFailed CRASH')
    expect(out).toContain('order-2 succeeded {"charged":2}')
    expect(out).toContain('order-3 dead-lettered')
    expect(out).toContain('Charges at the bank: 1, 2\n')
  })

  it('E21, C6, F5: offline, sales wait without burning attempts and are delivered once each when the office is back', async () => {
    const out = await example('offline.mjs')
    expect(out).toContain('the circuit is open')
    expect(out).toContain('Office back: 40 sales delivered, 40 booked, 0 twice.')
    expect(out).toContain('Dead letters: 0')
  })

  it('E21, C10: under load the unimportant are turned away first, and what was accepted is done', async () => {
    const out = await example('load.mjs', '8000')
    expect(out).toContain('"high accepted":4000')
    expect(out).toMatch(/"low load_shed":\d+/)
    expect(out).toContain('each handled once: true')
  })

  it('E21, D7, C9, D10: the shop pays and invoices each accepted order once, while the card service fails', async () => {
    const out = await example('shop/run.mjs')
    expect(out).toContain('60 orders: 57 accepted, 3 refused')
    expect(out).toMatch(/54 paid, 3 declined, [1-9]\d* retried/)
    expect(out).toContain('Every accepted order was paid once and invoiced once, or declined.')
  })
})
