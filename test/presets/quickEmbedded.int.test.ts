// An embedded ledger in one line, and what it kept.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { quickLedger } from '../../src/index.js'
import { temporaryFolder } from '../cli/ledgerq.js'

it('E11: a path, or the URL of one, is an embedded log that keeps what was enqueued', async () => {
  const folder = temporaryFolder()
  const path = join(folder.path, 'data')
  const first = await quickLedger(path)
  const { id } = await (await first.queue('orders')).enqueue({ n: 1 })
  await first.close()
  const second = await quickLedger(pathToFileURL(path).href)
  expect(await (await second.openQueue('orders')).message(id)).toMatchObject({ payload: { n: 1 } })
  await second.close()
  expect(existsSync(join(path, 'meta.json'))).toBe(true)
  folder.remove()
})
