// `ledgerq/testing`: what a program that uses ledgerq tests itself with. Needs no test runner of a certain kind.
export type { Drained, DrainOptions } from './drain.js'
export {
  type ExpectedDeadLetter,
  type ExpectedEvent,
  type ExpectedMessage,
  expectDeadLetter,
  expectEnqueued,
  expectHistory,
  expectNotEnqueued,
  expectState,
} from './expectations.js'
export { type TestLedger, type TestLedgerOptions, testLedger } from './testLedger.js'
export { VirtualClock, type VirtualClockOptions } from './virtualClock.js'
