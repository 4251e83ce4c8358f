// `ledgerq/testing/properties`: arbitraries and laws for fast-check, which the user's project has to have.
export {
  enqueueOptions,
  failureRules,
  failureTypes,
  messages,
  payloads,
  retryPolicies,
  thrownValues,
} from './arbitraries.js'
export { type HandlerUnderTest, handlerIdempotenceLaw } from './handlerLaws.js'
export { histories } from './histories.js'
export {
  checkLaws,
  classifierLaws,
  type Law,
  type PolicyExpectations,
  payloadCodecLaws,
  retryPolicyLaws,
} from './laws.js'
