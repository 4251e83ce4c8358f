// The events of the cluster stream as they are stored.
import * as t from 'io-ts'
import { firstVersion } from '../eventCodec.js'
import { NaturalCodec, storedRecord } from '../storedFields.js'

const ofNode = { node: t.string, incarnation: t.string }

export const clusterCodecs = {
  NodeJoined: firstVersion(
    'NodeJoined',
    storedRecord('NodeJoined', { ...ofNode, address: t.string, version: t.string, level: NaturalCodec }),
  ),
  NodeLeft: firstVersion('NodeLeft', storedRecord('NodeLeft', ofNode)),
  NodeExpired: firstVersion('NodeExpired', storedRecord('NodeExpired', { ...ofNode, unheardBy: t.string })),
  UnitAssigned: firstVersion('UnitAssigned', storedRecord('UnitAssigned', { unit: t.string, ...ofNode })),
  UnitDeclined: firstVersion(
    'UnitDeclined',
    storedRecord('UnitDeclined', { unit: t.string, ...ofNode, reason: t.string }),
  ),
  UnitReleased: firstVersion('UnitReleased', storedRecord('UnitReleased', { unit: t.string })),
  LevelRaised: firstVersion('LevelRaised', storedRecord('LevelRaised', { level: NaturalCodec })),
}
