// A server on a memory ledger without a port, and requests injected into it.

import { openLedger } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'
import { buildServer } from '../../src/http/server.js'

export type Reply = Readonly<{
  status: number
  headers: Readonly<Record<string, unknown>>
  text: string
  json: unknown
}>

export type Hall = Readonly<{
  ledger: Ledger
  ask: (
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Reply>
  errors: ReadonlyArray<unknown>
  close: () => Promise<void>
}>

export const HOST = { host: '127.0.0.1:7654' }

/** `ledger`: a memory ledger when left out. A string body is sent as it is. */
export const openHall = async (options: { token?: string; ledger?: Ledger } = {}): Promise<Hall> => {
  const ledger = options.ledger ?? (await openLedger({ log: { kind: 'memory' } }))
  const errors: unknown[] = []
  const { app, stop } = buildServer(ledger, { token: options.token, onError: (error) => errors.push(error) })
  return {
    ledger,
    errors,
    ask: async (method, path, body, headers = {}) => {
      const payload =
        body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }
      const type = body === undefined ? {} : { 'content-type': 'application/json' }
      const reply = await app.inject({
        method,
        url: path,
        headers: { ...HOST, ...type, ...headers },
        ...payload,
      })
      const text = reply.body
      const isJson = String(reply.headers['content-type'] ?? '').includes('json')
      return {
        status: reply.statusCode,
        headers: reply.headers,
        text,
        json: isJson ? JSON.parse(text) : undefined,
      }
    },
    close: async () => {
      stop()
      await app.close()
      await ledger.close()
    },
  }
}
