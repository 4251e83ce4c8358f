// The state of one partition and what can be read from it; the only import path from outside this folder.
export * from './counts.js'
export { replaceMeasures } from './measures.js'
export * from './partitionState.js'
export * from './snapshotForm.js'
export * from './stateHash.js'
