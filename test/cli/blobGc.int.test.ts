// ledgerq serve --blobs and ledgerq blob gc, with real processes and real files.
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Program, run, start, temporaryFolder } from './ledgerq.js'

let folder: ReturnType<typeof temporaryFolder>
let server: Program | undefined
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(async () => {
  server?.process.kill('SIGKILL')
  await server?.ended
  folder.remove()
})

const ORPHAN = `ab/${'0'.repeat(62)}`
const TWO_DAYS_S = 2 * 24 * 3_600

/** A file of a payload whose message never came, put so long ago. */
const leaveOrphan = (blobs: string): void => {
  mkdirSync(join(blobs, 'ab'), { recursive: true })
  writeFileSync(join(blobs, ORPHAN), 'orphan')
  const at = Date.now() / 1_000 - TWO_DAYS_S
  utimesSync(join(blobs, ORPHAN), at, at)
}
const files = (blobs: string): number =>
  readdirSync(blobs, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length

describe('ledgerq blob gc', () => {
  it('A12: a large payload that was sent to the server lies in a file, and only what no event names is removed', async () => {
    const data = join(folder.path, 'data')
    const blobs = join(data, 'blobs')
    server = start(['serve', '--port', '0', '--data', data, '--blobs', 'files'])
    const [, url = ''] = await server.says(/(http:\/\/[\d.]+:\d+)/)
    const at = { LEDGERQ_URL: url }
    await run(['queue', 'create', 'reports'], at)
    const sent = await fetch(`${url}/api/v1/queues/reports/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ payload: 'x'.repeat(2_000_000) }),
    })
    expect(sent.status).toBe(201)
    leaveOrphan(blobs)
    expect(files(blobs)).toBe(2)

    const asked = await run(['blob', 'gc'], at)
    expect(asked.code).toBe(2)
    expect(asked.err).toContain('remove 1 blobs (6 bytes) that no event names')
    const dry = await run(['--json', 'blob', 'gc', '--dry-run'], at)
    expect(JSON.parse(dry.out)).toEqual({ examined: 1, named: 0, removed: 1, removedBytes: 6, dryRun: true })
    expect(existsSync(join(blobs, ORPHAN))).toBe(true)
    const done = await run(['blob', 'gc', '--yes'], at)
    expect(done).toMatchObject({ code: 0, err: '' })
    expect(done.out).toMatch(/removed\s+1 \(6 bytes\)/)
    expect(existsSync(join(blobs, ORPHAN))).toBe(false)
    expect(files(blobs)).toBe(1)
  })

  it('A12: works on a directory that no server uses, and makes none of one that is empty', async () => {
    const data = join(folder.path, 'data')
    server = start(['serve', '--port', '0', '--data', data, '--blobs', 'files'])
    await server.says(/(http:\/\/[\d.]+:\d+)/)
    const locked = await run(['blob', 'gc', '--data', data, '--yes'])
    expect(locked).toMatchObject({ code: 4, out: '' })
    expect(locked.err).toContain('in use by another process')
    server.process.kill('SIGTERM')
    await server.ended
    leaveOrphan(join(data, 'blobs'))
    const done = await run(['--json', 'blob', 'gc', '--data', data, '--yes'])
    expect(JSON.parse(done.out)).toMatchObject({ removed: 1, dryRun: false })
    const empty = join(folder.path, 'empty')
    expect(await run(['blob', 'gc', '--data', empty, '--yes'])).toMatchObject({ code: 3 })
    expect(existsSync(empty)).toBe(false)
  })
})
