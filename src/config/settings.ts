// The one table of settings of a process: file key, variable and flag of each, what is accepted, and the default.
import { PAYLOAD_BYTES_MAX } from '../../domain/payload/index.js'
import { isDatabaseAddress } from '../adapters/eventstoredb/address.js'
import { isStreamPrefix, STREAM_PREFIX_RULE } from '../adapters/prefixed/names.js'
import {
  DEAD_AFTER_MS,
  DEFAULT_TIMES,
  HEARTBEAT_MS,
  isAddress,
  isNodeName,
  NODE_NAME_RULE,
  TENURE_MS,
} from '../cluster/options.js'
import { LARGE_PAYLOAD_BYTES_DEFAULT, LARGE_PAYLOAD_BYTES_MAX } from '../engine/blobPayloads.js'
import { DEFAULT_LOGGING, LOG_FORMATS, LOG_LEVELS, LOG_TARGETS } from '../logging/index.js'
import { KAFKA_SETTINGS } from './kafkaSettings.js'
import { accepted, booleanOf, numberOf, oneOf, setting, text, wholeNumber, yesOrNo } from './setting.js'

export const DEFAULT_PORT = 7654
export const DEFAULT_HOST = '127.0.0.1'
const PORT_MAX = 65_535
const LOG_FILE_BYTES_MIN = 4_096
const LOG_FILE_BYTES_MAX = 1_073_741_824
const LOG_FILES_MAX = 100

/** Commands may be given several nodes of a cluster. */
const isHttpUrls = (value: unknown): value is string =>
  typeof value === 'string' && value.split(',').every((one) => isHttpUrl(one.trim()))

const isHttpUrl = (value: unknown): value is string =>
  typeof value === 'string' && /^https?:\/\//i.test(value) && URL.canParse(value)

export const SETTINGS = {
  url: setting({
    key: 'url',
    variable: 'LEDGERQ_URL',
    flag: '--url',
    meaning: 'server that commands talk to, or several nodes of a cluster, with commas between them',
    codec: accepted('an http:// or https:// address', isHttpUrls),
  }),
  token: setting({
    key: 'token',
    variable: 'LEDGERQ_TOKEN',
    flag: '--token',
    meaning: 'bearer token: sent by commands, asked for by the server',
    codec: text,
    isSecret: true,
  }),
  dataDirectory: setting({
    key: 'data',
    variable: 'LEDGERQ_DATA',
    flag: '--data',
    meaning: 'directory of the log',
    codec: text,
    fallback: './data',
    isPath: true,
  }),
  logAddress: setting({
    key: 'log',
    variable: 'LEDGERQ_LOG',
    flag: '--log',
    meaning: 'esdb:// address of EventStoreDB or KurrentDB, instead of a directory',
    codec: accepted('an esdb:// address', isDatabaseAddress),
  }),
  viewsDirectory: setting({
    key: 'views',
    variable: 'LEDGERQ_VIEWS',
    flag: '--views',
    meaning: 'directory for what is made anew from a log in EventStoreDB; none = read again at each start',
    codec: text,
    isPath: true,
  }),
  host: setting({
    key: 'host',
    variable: 'LEDGERQ_HOST',
    flag: '--host',
    meaning: 'address the server listens on; others than loopback need a token',
    codec: text,
    fallback: DEFAULT_HOST,
  }),
  port: setting({
    key: 'port',
    variable: 'LEDGERQ_PORT',
    flag: '--port',
    meaning: 'port the server listens on; 0 = any free one',
    codec: wholeNumber(0, PORT_MAX),
    ofText: numberOf,
    fallback: DEFAULT_PORT,
  }),
  strict: setting({
    key: 'strict',
    variable: 'LEDGERQ_STRICT',
    flag: '--strict',
    meaning: 'sync the head mark with every commit, too',
    codec: yesOrNo,
    ofText: booleanOf,
    fallback: false,
  }),
  blobs: setting({
    key: 'blobs',
    variable: 'LEDGERQ_BLOBS',
    flag: '--blobs',
    meaning: 'where payloads too large for the log go; none = they are refused',
    codec: oneOf('none', 'files'),
    fallback: 'none',
  }),
  blobBytesMax: setting({
    key: 'blobBytesMax',
    variable: 'LEDGERQ_BLOB_BYTES_MAX',
    flag: '--blob-bytes-max',
    meaning: 'largest payload that is accepted where blobs are kept',
    codec: wholeNumber(PAYLOAD_BYTES_MAX, LARGE_PAYLOAD_BYTES_MAX),
    ofText: numberOf,
    fallback: LARGE_PAYLOAD_BYTES_DEFAULT,
  }),
  autoCreateQueues: setting({
    key: 'autoCreateQueues',
    variable: 'LEDGERQ_AUTO_CREATE_QUEUES',
    flag: '--auto-create-queues',
    meaning: 'whether a queue comes into being by being used',
    codec: yesOrNo,
    ofText: booleanOf,
    fallback: true,
  }),
  streamPrefix: setting({
    key: 'streamPrefix',
    variable: 'LEDGERQ_STREAM_PREFIX',
    flag: '--stream-prefix',
    meaning: 'begins the names of all streams in the log',
    codec: accepted(STREAM_PREFIX_RULE, isStreamPrefix),
  }),
  clusterEnabled: setting({
    key: 'cluster.enabled',
    variable: 'LEDGERQ_CLUSTER',
    flag: '--cluster',
    meaning: 'be one of several nodes on the log, which is EventStoreDB then',
    codec: yesOrNo,
    ofText: booleanOf,
    fallback: false,
  }),
  clusterNode: setting({
    key: 'cluster.node',
    variable: 'LEDGERQ_NODE',
    flag: '--node',
    meaning: 'name of this node in the cluster; without one that of the host',
    codec: accepted(NODE_NAME_RULE, isNodeName),
  }),
  clusterAdvertise: setting({
    key: 'cluster.advertise',
    variable: 'LEDGERQ_ADVERTISE',
    flag: '--advertise',
    meaning: 'where the other nodes reach this one',
    codec: accepted('an http:// or https:// address without a path', isAddress),
  }),
  clusterSecretFile: setting({
    key: 'cluster.secretFile',
    variable: 'LEDGERQ_CLUSTER_SECRET_FILE',
    flag: '--cluster-secret-file',
    meaning: 'file with what the nodes of the cluster know each other by',
    codec: text,
    isPath: true,
  }),
  clusterSecret: setting({
    key: 'cluster.secret',
    variable: 'LEDGERQ_CLUSTER_SECRET',
    flag: '--cluster-secret',
    meaning: 'the same without a file',
    codec: text,
    isSecret: true,
  }),
  clusterHeartbeatMs: setting({
    key: 'cluster.heartbeatMs',
    variable: 'LEDGERQ_HEARTBEAT_MS',
    flag: '--heartbeat-ms',
    meaning: 'between two signs of life of a node',
    codec: wholeNumber(HEARTBEAT_MS.min, HEARTBEAT_MS.max),
    ofText: numberOf,
    fallback: DEFAULT_TIMES.heartbeatMs,
  }),
  clusterDeadAfterMs: setting({
    key: 'cluster.deadAfterMs',
    variable: 'LEDGERQ_DEAD_AFTER_MS',
    flag: '--dead-after-ms',
    meaning: 'without a sign of life for so long a node is taken for dead; at least three times heartbeatMs',
    codec: wholeNumber(DEAD_AFTER_MS.min, DEAD_AFTER_MS.max),
    ofText: numberOf,
    fallback: DEFAULT_TIMES.deadAfterMs,
  }),
  clusterTenureMs: setting({
    key: 'cluster.tenureMs',
    variable: 'LEDGERQ_TENURE_MS',
    flag: '--tenure-ms',
    meaning: 'a queue is not moved for balance sooner',
    codec: wholeNumber(TENURE_MS.min, TENURE_MS.max),
    ofText: numberOf,
    fallback: DEFAULT_TIMES.tenureMs,
  }),
  ...KAFKA_SETTINGS,
  logEnabled: setting({
    key: 'logging.enabled',
    variable: 'LEDGERQ_LOGGING',
    flag: '--logging',
    meaning: 'whether the server logs',
    codec: yesOrNo,
    ofText: booleanOf,
    fallback: DEFAULT_LOGGING.enabled,
  }),
  logLevel: setting({
    key: 'logging.level',
    variable: 'LEDGERQ_LOG_LEVEL',
    flag: '--log-level',
    meaning: 'the least that is told',
    codec: oneOf(...LOG_LEVELS),
    fallback: DEFAULT_LOGGING.level,
  }),
  logFormat: setting({
    key: 'logging.format',
    variable: 'LEDGERQ_LOG_FORMAT',
    flag: '--log-format',
    meaning: 'for programs or for people',
    codec: oneOf(...LOG_FORMATS),
    fallback: DEFAULT_LOGGING.format,
  }),
  logTo: setting({
    key: 'logging.to',
    variable: 'LEDGERQ_LOG_TO',
    flag: '--log-to',
    meaning: 'where lines go; a file that is named is used',
    codec: oneOf(...LOG_TARGETS),
    fallback: DEFAULT_LOGGING.to,
  }),
  logFile: setting({
    key: 'logging.file',
    variable: 'LEDGERQ_LOG_FILE',
    flag: '--log-file',
    meaning: 'file of the log',
    codec: text,
    fallback: DEFAULT_LOGGING.file,
    isPath: true,
  }),
  logFileBytesMax: setting({
    key: 'logging.fileBytesMax',
    variable: 'LEDGERQ_LOG_FILE_BYTES_MAX',
    flag: '--log-file-bytes-max',
    meaning: 'a file is ended before it grows above this',
    codec: wholeNumber(LOG_FILE_BYTES_MIN, LOG_FILE_BYTES_MAX),
    ofText: numberOf,
    fallback: DEFAULT_LOGGING.fileBytesMax,
  }),
  logFilesMax: setting({
    key: 'logging.filesMax',
    variable: 'LEDGERQ_LOG_FILES_MAX',
    flag: '--log-files-max',
    meaning: 'files kept, the one that is written included',
    codec: wholeNumber(1, LOG_FILES_MAX),
    ofText: numberOf,
    fallback: DEFAULT_LOGGING.filesMax,
  }),
  logPayloads: setting({
    key: 'logging.payloads',
    variable: 'LEDGERQ_LOG_PAYLOADS',
    flag: '--log-payloads',
    meaning: 'payloads and texts of failures in lines about messages',
    codec: yesOrNo,
    ofText: booleanOf,
    fallback: DEFAULT_LOGGING.payloads,
  }),
} as const

export type SettingName = keyof typeof SETTINGS
type ValueOf<Name extends SettingName> = (typeof SETTINGS)[Name]['codec']['_A']

/** What has no default may be missing. */
type Optional =
  | 'token'
  | 'streamPrefix'
  | 'clusterNode'
  | 'clusterAdvertise'
  | 'clusterSecretFile'
  | 'clusterSecret'
  | 'kafkaBrokers'
  | 'kafkaRedact'
  | 'kafkaTls'
  | 'kafkaUser'
  | 'kafkaPassword'
export type SettingValues = Readonly<
  { [Name in Exclude<SettingName, Optional>]: ValueOf<Name> } & {
    [Name in Optional]: ValueOf<Name> | undefined
  }
>

export const SETTING_NAMES = Object.keys(SETTINGS) as ReadonlyArray<SettingName>

export const CONFIG_VARIABLE = 'LEDGERQ_CONFIG'
export const CONFIG_FLAG = '--config'
export const CONFIG_FILE_NAME = 'ledgerq.json'
