// One row of the route table: everything the server, the tests and a description of the API need to know of a route.
import type * as t from 'io-ts'
import type { Actor, Ledger } from '../api/types/index.js'
import type { GatheredAnswer } from './gathered.js'
import type { ClaimWaits } from './longPoll.js'
import type { Operations } from './operations.js'
import type { QueueHandles } from './queueHandles.js'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** `media`: of a body that is text, and no JSON. */
export type Answer = Readonly<{ status: number; body?: unknown; media?: string }>

export type Call<Body, Query> = Readonly<{
  params: Readonly<Record<string, string>>
  body: Body
  query: Query
  idempotencyKey: string | undefined
  /** Address of the client, recorded with operators' actions. */
  from: string
  /** Fires when the client hung up before its answer. */
  gone: AbortSignal
}>

export type Desk = Readonly<{
  ledger: Ledger
  queues: QueueHandles
  waits: ClaimWaits
  operations: Operations
}>

type RouteHead = Readonly<{
  method: Method
  /** As OpenAPI writes it: `/api/v1/queues/{queue}:pause`. */
  path: string
  summary: string
  /** Answered without a token: nothing but whether the server lives. */
  open?: true
  bodyBytesMax?: number
  /** The body is one message: as large as the largest payload that the ledger takes (A12). */
  carriesPayload?: true
  /** The request may hold its connection while it waits for something to happen. */
  waits?: true
  /** The queue comes into being with it: any node may be asked. */
  creates?: true
  /** The queue that a body names, where the path names none. */
  queueIn?: (body: unknown) => string | undefined
  /** About all queues: what the nodes of a cluster answer is put together. */
  gathers?: GatheredAnswer
  /** Nobody but the nodes of the cluster is answered. */
  nodesOnly?: true
  /** One node of a cluster knows, and the request does not say which. */
  anywhere?: true
}>

type RouteSpec<Body, Query> = RouteHead &
  Readonly<{
    body?: t.Type<Body, unknown, unknown>
    query?: t.Type<Query, unknown, unknown>
    answer: (desk: Desk, call: Call<Body, Query>) => Promise<Answer>
  }>

export type Route = RouteHead &
  Readonly<{
    body: t.Type<unknown, unknown, unknown> | undefined
    query: t.Type<unknown, unknown, unknown> | undefined
    answer: (desk: Desk, call: Call<unknown, unknown>) => Promise<Answer>
  }>

/**
 * Forgets the types of body and query, so that routes fit one table. The server decodes both with the codecs of the same
 * row before it calls `answer`, which is what makes the casts true.
 */
export const route = <Body = unknown, Query = unknown>(spec: RouteSpec<Body, Query>): Route => {
  const { body, query, answer, ...head } = spec
  return {
    ...head,
    body: body as t.Type<unknown, unknown, unknown> | undefined,
    query: query as t.Type<unknown, unknown, unknown> | undefined,
    answer: (desk, call) => answer(desk, call as Call<Body, Query>),
  }
}

export const ok = (body: unknown): Answer => ({ status: 200, body })
export const done: Answer = { status: 204 }

/** Who acted, as the caller says, and from where, as the server sees. */
export const actorOf = (by: Readonly<{ who: string; why?: string }> | undefined, from: string): Actor => ({
  ...(by ?? { who: 'http' }),
  from,
})
