// Failure types, the policy behind each, and how an error finds its type; the only import path from outside.
export { type Classifier, classify, composeClassifiers } from './classify.js'
export { FAILURE_MESSAGE_BYTES_MAX, failureMessage } from './failureMessage.js'
export {
  BUILT_IN_FAILURE_TYPES,
  type BuiltInFailureType,
  DEFAULT_FAILURE_RULES,
  FAILURE_RULES_MAX,
  FAILURE_TYPE_RULE,
  type FailureRules,
  FailureRulesCodec,
  type FailureType,
  FailureTypeCodec,
  failureRules,
  isFailureType,
  ruleFor,
} from './failureType.js'
