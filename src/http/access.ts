// Who may call: a bearer token, compared without telling how much of it was right; and, where there is no token, only
// programs on this machine, which a web page in a browser is not (DNS rebinding, cross-site requests).
import { createHash, timingSafeEqual } from 'node:crypto'
import { NODE_HEADER, type Peers, SECRET_HEADER } from '../cluster/peers.js'
import { HttpProblem } from './problem.js'

/** Cuts the cost of hashing what strangers send; a token of 128 bits takes 22 to 32 characters. */
const TOKEN_CHARS_MAX = 1_024
const BEARER = /^Bearer +([^\s]+) *$/i

const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest()

export type Access = Readonly<{
  check: (headers: Readonly<Record<string, string | string[] | undefined>>) => void
}>

export const isLoopback = (host: string): boolean => {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  return name === 'localhost' || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name)
}

/** @throws Error when the server would be open to the network without a token */
export const refuseOpenDoor = (host: string, token: string | undefined): void => {
  if (token !== undefined || isLoopback(host)) return
  throw new Error(
    `Refusing to listen on ${host} without a token: everybody on that network could read and delete messages. ` +
      'Set --token or LEDGERQ_TOKEN, or listen on 127.0.0.1.',
  )
}

const hostNameOf = (authority: string): string => authority.replace(/:\d+$/, '')

const text = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' ? header : undefined

const byToken = (token: string): Access => {
  const expected = digest(token)
  return {
    check: ({ authorization }) => {
      const presented = BEARER.exec(text(authorization)?.slice(0, TOKEN_CHARS_MAX) ?? '')?.[1]
      // Digests have one length, and comparing them takes the same time wherever they differ.
      const right = timingSafeEqual(digest(presented ?? ''), expected) && presented !== undefined
      if (!right)
        throw new HttpProblem(401, 'unauthorized', 'Send the header "Authorization: Bearer <token>".')
    },
  }
}

const byMachine: Access = {
  check: ({ host, origin }) => {
    const authority = text(host) ?? ''
    if (!isLoopback(hostNameOf(authority)))
      throw new HttpProblem(
        403,
        'host_refused',
        'Without a token only this machine is served, by its loopback name.',
      )
    // Browsers name the page that sends a request; programs send no Origin.
    if (origin !== undefined && text(origin) !== `http://${authority}`)
      throw new HttpProblem(403, 'origin_refused', 'Without a token no web page of another origin is served.')
  },
}

/** Whoever says that he is a node has to know what only nodes know; the rest is as for everybody. */
const bySecret = (peers: Peers, others: Access): Access => {
  return {
    check: (headers) => {
      if (headers[NODE_HEADER] === undefined) return others.check(headers)
      if (!peers.isSecret(text(headers[SECRET_HEADER])))
        throw new HttpProblem(401, 'unauthorized', 'This is not what the nodes of this cluster share.')
    },
  }
}

export const accessFor = (token: string | undefined, peers?: Peers): Access => {
  const others = token === undefined ? byMachine : byToken(token)
  return peers === undefined ? others : bySecret(peers, others)
}
