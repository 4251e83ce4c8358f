// The events of the cluster stream as they were first written: every later version has to read them, and fold them alike (R63).
import { isRight } from 'fp-ts/lib/Either.js'
import { expect, it } from 'vitest'
import { clusterCodecs } from '../../../domain/cluster/codecs.js'
import { type ClusterEvent, EMPTY_CLUSTER, foldCluster, ownerOf } from '../../../domain/cluster/index.js'
import { decodeEvent } from '../../../domain/codecs.js'

/** Type, version and data, byte for byte. */
const STORED: ReadonlyArray<readonly [type: string, version: number, json: string]> = [
  ['NodeJoined', 1, '{"node":"a","incarnation":"a-1","address":"http://a:7654","version":"0.1.0","level":1}'],
  ['NodeJoined', 1, '{"node":"b","incarnation":"b-1","address":"http://b:7654","version":"0.1.0","level":2}'],
  ['UnitAssigned', 1, '{"unit":"queue/orders","node":"a","incarnation":"a-1"}'],
  ['UnitAssigned', 1, '{"unit":"task/follow-ups","node":"b","incarnation":"b-1"}'],
  [
    'UnitDeclined',
    1,
    '{"unit":"queue/orders","node":"a","incarnation":"a-1","reason":"an event it does not know"}',
  ],
  ['UnitAssigned', 1, '{"unit":"queue/orders","node":"b","incarnation":"b-1"}'],
  ['UnitReleased', 1, '{"unit":"task/follow-ups"}'],
  ['NodeExpired', 1, '{"node":"a","incarnation":"a-1","unheardBy":"b"}'],
  ['NodeJoined', 1, '{"node":"a","incarnation":"a-2","address":"http://a:7654","version":"0.2.0","level":2}'],
  ['LevelRaised', 1, '{"level":2}'],
  ['NodeLeft', 1, '{"node":"a","incarnation":"a-2"}'],
]

it('R63: every kind of event is among them, and is read as it was written', () => {
  expect(new Set(STORED.map(([type]) => type))).toEqual(new Set(Object.keys(clusterCodecs)))
  for (const [type, version, json] of STORED)
    expect(decodeEvent(type, version, JSON.parse(json))).toEqual({
      _tag: 'Right',
      right: { type, ...JSON.parse(json) },
    })
})

it('R63: they lead to the same members and owners', () => {
  const events = STORED.flatMap(([type, version, json]) => {
    const read = decodeEvent(type, version, JSON.parse(json))
    return isRight(read) ? [read.right as ClusterEvent] : []
  })
  const state = foldCluster(EMPTY_CLUSTER, events)
  expect([...state.members.keys()]).toEqual(['b'])
  expect(ownerOf(state, 'queue/orders')).toMatchObject({ node: 'b', incarnation: 'b-1', level: 2 })
  expect([...state.assignments.keys()]).toEqual(['queue/orders'])
  expect(state.level).toBe(2)
})
