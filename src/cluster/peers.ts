// How nodes talk to each other: over the HTTP door that everybody uses, under a secret that only they know. What a node says of the
// client that it asks for is believed; nobody else is asked to be believed.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Member } from '../../domain/cluster/index.js'
import { type Exchange, httpExchange, type Reply } from '../client/httpExchange.js'

export const NODE_HEADER = 'ledgerq-node'
export const SECRET_HEADER = 'ledgerq-node-secret'
/** Address of the client, as the first node saw it. */
export const CLIENT_HEADER = 'ledgerq-client'
const SECRET_CHARS_MAX = 1_024
export const SECRET_CHARS_MIN = 16

export type Outgoing = Readonly<{
  method: string
  /** With its query. */
  path: string
  headers?: Readonly<Record<string, string>>
  body: string | Uint8Array | undefined
  timeoutMs: number
  signal?: AbortSignal | undefined
}>

const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest()

export class Peers {
  private readonly exchanges = new Map<string, Exchange>()
  private readonly expected: Buffer
  private readonly calls = new AbortController()

  constructor(
    private readonly node: string,
    private readonly secret: string,
  ) {
    this.expected = digest(secret)
  }

  /** Digests have one length, and comparing them takes the same time wherever they differ. */
  isSecret(presented: string | undefined): boolean {
    const known = timingSafeEqual(digest(presented?.slice(0, SECRET_CHARS_MAX) ?? ''), this.expected)
    return known && presented !== undefined
  }

  /** Rejects with ExchangeFailed, which says whether it can have arrived. `client`: for whom it is asked. */
  send(
    { address }: Member,
    { headers = {}, signal, ...outgoing }: Outgoing,
    client: string | undefined,
  ): Promise<Reply> {
    let exchange = this.exchanges.get(address)
    if (exchange === undefined) {
      exchange = httpExchange(new URL(address))
      this.exchanges.set(address, exchange)
    }
    const own = { [NODE_HEADER]: this.node, [SECRET_HEADER]: this.secret }
    const of = client === undefined ? {} : { [CLIENT_HEADER]: client }
    return exchange.send({ ...outgoing, headers: { ...headers, ...own, ...of }, signal })
  }

  /** Whether it answers at all, over the way that requests take. Never rejects. */
  async reaches(member: Member, timeoutMs: number): Promise<boolean> {
    const { signal } = this.calls
    const asked = { method: 'GET', path: '/livez', body: undefined, timeoutMs, signal }
    return this.send(member, asked, undefined).then(
      ({ status }) => status === 200,
      () => false,
    )
  }

  /** Connections to nodes that are gone are closed. */
  keepOnly(members: Iterable<Member>): void {
    const addresses = new Set([...members].map(({ address }) => address))
    for (const [address, exchange] of this.exchanges) {
      if (addresses.has(address)) continue
      exchange.closeIdle()
      this.exchanges.delete(address)
    }
  }

  close(): void {
    this.calls.abort(new Error('this node ends'))
    this.keepOnly([])
  }
}
