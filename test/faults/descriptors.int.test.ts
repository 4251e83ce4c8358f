// R10: a server that may hold 64 descriptors, and a flood of connections that takes all it gets.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import { expect, it, vi } from 'vitest'
import { withDirectory } from '../support/embedded/ledgerDirectory.js'
import { FaultClient, judge, NOTHING_WRONG } from '../support/faultClient.js'
import { startFaultServer } from '../support/faultServer.js'
import { figure } from '../support/figure.js'

const DESCRIPTORS_MAX = 64
const CONNECTIONS = 300
const SEGMENT_BYTES = 256 * 1024
const FILLER = 'x'.repeat(20_000)
const MESSAGES_A_SEGMENT = 12
const ANSWERS_WITHOUT_PROGRESS = 100

const openConnection = async (url: string): Promise<Socket> => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  return socket
}

/** A request over a connection of its own, and all that came back. */
const answerOver = async (socket: Socket): Promise<string> => {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    text += chunk
  })
  socket.write(`GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
  if (!socket.destroyed) await once(socket, 'close')
  return text
}

/** Linux has a way to change the limit of a process that runs. */
const canLimit = spawnSync('prlimit', ['--version']).status === 0

it.skipIf(!canLimit)(
  'R10: with no descriptor left nothing breaks: what needs one waits or is refused for good, and all goes on at once after',
  () =>
    withDirectory(async (directory) => {
      const agents = [1, 2].map(() => new Agent({ keepAlive: true, maxSockets: 1 }))
      const client = new FaultClient('orders', agents[0])
      const watcher = new FaultClient('orders', agents[1])
      const server = await startFaultServer({ directory, segmentBytes: SEGMENT_BYTES })
      client.url = watcher.url = server.url
      await client.create()
      await watcher.ask('GET', '/livez')
      // Not before: to load its modules Node itself opens more files than that at once.
      const limit = `--nofile=${DESCRIPTORS_MAX}:${DESCRIPTORS_MAX}`
      expect(spawnSync('prlimit', [limit, '--pid', String(server.pid)]).status).toBe(0)
      const flood = await Promise.all(Array.from({ length: CONNECTIONS }, () => openConnection(server.url)))
      // Over the connections that were there before: what fits the segment that is open goes on as ever.
      for (let n = 0; n < MESSAGES_A_SEGMENT / 2; n++)
        expect(await client.enqueue({}, FILLER)).toMatchObject({ status: 201 })
      const more = (async () => {
        for (let n = 0; n < 3 * MESSAGES_A_SEGMENT; n++) await client.enqueue({}, FILLER)
      })()
      // Until it goes no further: the next segment cannot be opened.
      for (let still = 0, before = -1; still < ANSWERS_WITHOUT_PROGRESS; ) {
        expect(await watcher.ask('GET', '/livez')).toMatchObject({ status: 200 })
        const answered = client.ok.size + client.refused.size
        still = answered === before ? still + 1 : 0
        before = answered
        if (answered > 2 * MESSAGES_A_SEGMENT) break
      }
      for (const socket of flood) socket.destroy()
      const from = performance.now()
      await vi.waitFor(
        async () => {
          const socket = await openConnection(server.url)
          expect(await answerOver(socket)).toContain('200 OK')
        },
        { timeout: 20_000, interval: 20 },
      )
      figure('R10 accepts again after ms', performance.now() - from)
      await more
      await vi.waitFor(async () => expect(await client.enqueue()).toMatchObject({ status: 201 }), {
        timeout: 20_000,
      })
      expect(client.unknown.size).toBe(0)
      expect(await watcher.ask('GET', '/readyz')).toMatchObject({ status: 200 })
      for (const agent of agents) agent.destroy()
      server.kill('SIGTERM')
      expect(await server.ended).toBe(0)
      expect(await judge(directory, client)).toEqual(NOTHING_WRONG)
    }),
)
