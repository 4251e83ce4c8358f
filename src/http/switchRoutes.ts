// What can be switched off in a queue: groups, resource gates, circuits.
import type { Actor, ForcedCircuit, Queue } from '../api/types/index.js'
import { closedRecord } from './closedRecord.js'
import { NoQuery, OperatorBody } from './codecs.js'
import { by, flag } from './fields.js'
import { actorOf, done, ok, type Route, route } from './route.js'

const QUEUE = '/api/v1/queues/{queue}'

const CircuitBody = closedRecord('an operator action', {}, { by, ownOnly: flag })

const nameIn = (params: Readonly<Record<string, string>>, name: string): string => params[name] ?? ''

/** One verb of a group or a gate. */
const switching = (
  place: 'group' | 'gate',
  verb: string,
  summary: string,
  act: (queue: Queue<unknown>, name: string, by: Actor) => Promise<void>,
): Route =>
  route({
    method: 'POST',
    path: `${QUEUE}/${place}s/{${place}}:${verb}`,
    summary,
    body: OperatorBody,
    query: NoQuery,
    answer: async ({ queues }, { params, body, from }) => {
      await act(await queues.find(nameIn(params, 'queue')), nameIn(params, place), actorOf(body.by, from))
      return done
    },
  })

const forcing = (verb: string, to: ForcedCircuit | 'auto', summary: string): Route =>
  route({
    method: 'POST',
    path: `${QUEUE}/circuits/{circuit}:${verb}`,
    summary,
    body: CircuitBody,
    query: NoQuery,
    answer: async ({ queues }, { params, body, from }) => {
      const queue = await queues.find(nameIn(params, 'queue'))
      const options = { ownOnly: body.ownOnly === true }
      await queue.forceCircuit(nameIn(params, 'circuit'), to, actorOf(body.by, from), options)
      return done
    },
  })

const circuits = route({
  method: 'GET',
  path: `${QUEUE}/circuits`,
  summary: 'Circuits that have something to tell, with what each partition sees; others are closed',
  query: NoQuery,
  answer: async ({ queues }, { params }) =>
    ok({ circuits: await (await queues.find(nameIn(params, 'queue'))).circuits() }),
})

const switches = route({
  method: 'GET',
  path: `${QUEUE}/switches`,
  summary: 'Groups that are paused, gates that are closed, circuits that are forced',
  query: NoQuery,
  answer: async ({ queues }, { params }) => ok(await (await queues.find(nameIn(params, 'queue'))).switches()),
})

export const switchRoutes: ReadonlyArray<Route> = [
  switching('group', 'pause', 'Hands out no messages of the group; they are not late', (queue, group, who) =>
    queue.pauseGroup(group, who),
  ),
  switching('group', 'resume', 'Hands out messages of the group again', (queue, group, who) =>
    queue.resumeGroup(group, who),
  ),
  switching('gate', 'close', 'Messages that name the gate wait, and burn no attempt', (queue, gate, who) =>
    queue.gate(gate).close(who),
  ),
  switching(
    'gate',
    'open',
    'The resource is available: messages that name the gate run',
    (queue, gate, who) => queue.gate(gate).open(who),
  ),
  forcing('open', 'open', 'Starts no message of the circuit until it is closed or left to itself'),
  forcing('close', 'closed', 'Starts messages of the circuit whatever their failures say'),
  forcing('auto', 'auto', 'Leaves the circuit to itself again'),
  circuits,
  switches,
]
