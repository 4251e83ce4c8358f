// ledgerq log export | import as they are typed: what is said, and how they end.
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { runInProcess, type Spoken } from '../cli/inProcess.js'
import { run } from '../cli/ledgerq.js'
import { goldenDirectory, temporary } from './moving.js'

const folders: string[] = []
afterEach(async () => {
  for (const path of folders.splice(0)) await rm(path, { recursive: true, force: true })
})
const folder = async (): Promise<string> => {
  const path = await temporary()
  folders.push(path)
  return path
}
const golden = async (): Promise<string> => {
  const directory = await goldenDirectory('0.1.0-2-killed')
  folders.push(directory)
  return directory
}

const typed = async (...args: string[]): Promise<Spoken> => runInProcess(args, { directory: await folder() })

describe('ledgerq log export and import', () => {
  it('say what was moved, and that it was read back, with the heads of the chains', async () => {
    const [home, away] = [await golden(), await folder()]
    const file = join(away, 'ledger.lqx')
    const exported = await typed('log', 'export', '--log', home, '--to', file)
    expect(exported).toMatchObject({ code: 0, err: '' })
    expect(exported.out).toMatch(/verified +read back: every chain and every state is that of the source/)
    const tried = await typed('log', 'import', '--from', file, '--log', join(away, 'data'), '--dry-run')
    expect(tried.out).toMatch(/would write/)
    await expect(stat(join(away, 'data'))).rejects.toMatchObject({ code: 'ENOENT' })
    const imported = await typed('log', 'import', '--from', file, '--log', join(away, 'data'), '--json')
    expect(imported.code).toBe(0)
    const moved = JSON.parse(imported.out) as { streams: ReadonlyArray<{ digest: string }> }
    for (const { digest } of moved.streams) expect(exported.out).toContain(digest)
    const steps = imported.err.split('\n').map((line) => (JSON.parse(line) as { progress: string }).progress)
    expect(new Set(steps)).toEqual(new Set(['source', 'copy', 'target']))
    const quick = await typed(
      'log',
      'import',
      '--from',
      home,
      '--log',
      join(away, 'data'),
      '--verify',
      'heads',
    )
    expect(quick.out).toMatch(/written now +0\n/)
  })

  it('end with the exit codes of all commands: not found, conflict, failed, usage', async () => {
    const [home, away] = [await golden(), await folder()]
    const nowhere = await typed('log', 'export', '--log', join(away, 'nowhere'), '--to', join(away, 'x'))
    expect(nowhere).toMatchObject({ code: 3, err: expect.stringMatching(/there is nothing/) })
    const other = await goldenDirectory('0.1.0-torn')
    folders.push(other)
    const conflict = await typed('log', 'import', '--from', home, '--log', other)
    expect(conflict).toMatchObject({ code: 4, err: expect.stringMatching(/another ledger/) })
    const opened = await openEmbeddedLog({ directory: other })
    const locked = await typed('log', 'import', '--from', other, '--log', other)
    expect(locked).toMatchObject({ code: 1, err: expect.stringMatching(/same place/) })
    const inUse = await typed('log', 'import', '--from', home, '--log', other)
    expect(inUse).toMatchObject({
      code: 4,
      err: expect.stringMatching(/another process, or another log of this one, has it open/),
    })
    if (opened._tag === 'Right') await opened.right.close()
    const followed = await typed(
      'log',
      'import',
      '--from',
      join(away, 'x'),
      '--log',
      join(away, 'y'),
      '--follow',
    )
    expect(followed).toMatchObject({
      code: 2,
      err: expect.stringMatching(/only a directory can be followed/),
    })
    const unreachable = await typed(
      'log',
      'export',
      '--log',
      'esdb://ops:secret@127.0.0.1:1?tls=false&maxDiscoverAttempts=1',
      '--to',
      join(away, 'x'),
    )
    expect(unreachable.code).toBe(1)
    expect(unreachable.err).not.toContain('secret')
  })

  it('F5: take the same places as `log verify`, and refuse the address of anything else instead of making a directory of it', async () => {
    const [home, away] = [await golden(), await folder()]
    const verified = await typed('log', 'verify', '--log', home)
    expect(verified).toMatchObject({ code: 0, out: expect.stringMatching(/^sound +\//) })
    expect((await typed('log', 'verify', '--data', home)).out).toBe(verified.out)
    expect(await typed('log', 'verify', '--log', join(away, 'nowhere'))).toMatchObject({ code: 3 })
    const refused = {
      code: 2,
      err: expect.stringMatching(/accepted are a directory and an esdb:\/\/ address/),
    }
    for (const place of ['http://127.0.0.1:2113', '']) {
      expect(await typed('log', 'verify', '--log', place)).toMatchObject(refused)
      expect(await typed('log', 'export', '--log', place, '--to', join(away, 'x'))).toMatchObject(refused)
      expect(await typed('log', 'import', '--from', home, '--log', place)).toMatchObject(refused)
      expect(await typed('log', 'import', '--from', place, '--log', join(away, 'y'))).toMatchObject(refused)
      expect(await typed('message', 'prove', 'orders.0.1', '--log', place)).toMatchObject(refused)
    }
    expect(await readdir(away)).toEqual([])
  })

  it('write to standard output what a file would hold, and talk beside it', async () => {
    const home = await golden()
    const { code, out, err } = await run(['log', 'export', '--log', home, '--to', '-', '--no-compress'])
    expect(code).toBe(0)
    expect(out.startsWith('LQEXPORT')).toBe(true)
    expect(err).toMatch(/to +standard output/)
  })
})

describe('ledgerq message prove and proof verify', () => {
  it('G4: prove the events of a message from any store, to somebody who has the proof and a digest alone', async () => {
    const [home, away] = [await golden(), await folder()]
    const [proof, file] = [join(away, 'proof.json'), join(away, 'ledger.lqx')]
    const exported = await typed('log', 'export', '--log', home, '--to', file, '--json')
    const { streams } = JSON.parse(exported.out) as {
      streams: ReadonlyArray<{ stream: string; digest: string }>
    }
    const digest = streams.find(({ stream }) => stream === 'partition-jobs~1.0')?.digest ?? ''
    const proved = await typed('message', 'prove', 'jobs.0.1', '--log', home, '--to', proof)
    expect(proved).toMatchObject({ code: 0, out: expect.stringContaining(digest) })
    const held = await typed('proof', 'verify', proof, '--digest', digest)
    expect(held).toMatchObject({ code: 0, out: expect.stringMatching(/jobs\.0\.1 +MessageEnqueued/) })
    const inFile = await typed('message', 'prove', 'jobs.0.1', '--log', file)
    expect(inFile.out).toBe((await readFile(proof, 'utf8')).trim())
    const alone = await typed('proof', 'verify', proof)
    expect(alone.out).toMatch(/it holds if you have kept the digest/)
    const other = await typed('proof', 'verify', proof, '--digest', 'ab'.repeat(32))
    expect(other).toMatchObject({
      code: 1,
      err: expect.stringMatching(/does not hold: the digest that was given is not one of its chain/),
    })
    await writeFile(proof, (await readFile(proof, 'utf8')).replace('"firstRevision":', '"firstRevision":1'))
    expect(await typed('proof', 'verify', proof)).toMatchObject({ code: 1 })
  })

  it('G4: say what there is no proof of', async () => {
    const home = await golden()
    expect(await typed('message', 'prove', 'jobs.0.zzz', '--log', home)).toMatchObject({ code: 3 })
    const callers = await typed('message', 'prove', 'order-2', '--log', home)
    expect(callers).toMatchObject({ code: 2, err: expect.stringMatching(/--queue says where to look/) })
    expect(await typed('message', 'prove', 'order-2', '--queue', 'jobs', '--log', home)).toMatchObject({
      code: 3,
    })
    expect(await typed('proof', 'verify', join(home, 'nowhere'))).toMatchObject({ code: 3 })
    expect(await typed('proof', 'verify', join(home, 'head'))).toMatchObject({
      code: 1,
      err: expect.stringMatching(/not a proof/),
    })
  })
})
