// A command that is done ends, though something in its process would go on: a broker's client that tries again by itself.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const LEFTOVER = 'data:text/javascript,setInterval(() => undefined, 1000)'

it('R61: a command that has closed everything ends, whatever is left in its process, and says what it had to', async () => {
  const child = spawn(process.execPath, ['--import', LEFTOVER, MAIN, '--version'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (bytes) => {
    said += String(bytes)
  })
  const [code] = await once(child, 'close')
  expect([code, said]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+/)])
})
