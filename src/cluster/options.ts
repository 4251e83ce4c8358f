// What a node of a cluster is told, and what is accepted.
export type ClusterTimes = Readonly<{
  /** Between two signs of life. Default 500 ms. */
  heartbeatMs: number
  /** Without a new one for so long, by the clock of whoever listens, a node is taken for dead. Default 2,000 ms. */
  deadAfterMs: number
  /** A queue stays at least this long before it is moved to balance the load. Default 10,000 ms. */
  tenureMs: number
}>

export type ClusterOptions = Partial<ClusterTimes> &
  Readonly<{
    /** Where the other nodes reach this one: `http://host:port`. */
    address: string
    /** What the nodes know each other by: at least 16 characters, the same on all of them. */
    secret: string
    /** Of the program, for those who look at the cluster. */
    version?: string
  }>

export const DEFAULT_TIMES: ClusterTimes = { heartbeatMs: 500, deadAfterMs: 2_000, tenureMs: 10_000 }
export const HEARTBEAT_MS = { min: 20, max: 60_000 }
export const DEAD_AFTER_MS = { min: 100, max: 600_000 }
export const TENURE_MS = { min: 0, max: 86_400_000 }
/** As many beats may be late before a node is taken for dead. */
const BEATS_MIN = 3

const NODE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
export const NODE_NAME_RULE = 'letters, digits, ".", "_" and "-", 1 to 63 of them, a letter or digit first'
export const isNodeName = (value: unknown): value is string =>
  typeof value === 'string' && NODE_NAME.test(value)

export const isAddress = (value: unknown): value is string => {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  const { protocol, pathname, search, username } = new URL(value)
  return /^https?:$/.test(protocol) && pathname === '/' && search === '' && username === ''
}

/** @throws RangeError */
export const clusterTimes = (options: ClusterOptions): ClusterTimes => {
  const { heartbeatMs = DEFAULT_TIMES.heartbeatMs, deadAfterMs = DEFAULT_TIMES.deadAfterMs } = options
  const { tenureMs = DEFAULT_TIMES.tenureMs } = options
  const whole = (name: string, value: number, { min, max }: { min: number; max: number }): void => {
    if (!Number.isInteger(value) || value < min || value > max)
      throw new RangeError(`cluster.${name}: accepted is a whole number from ${min} to ${max}`)
  }
  whole('heartbeatMs', heartbeatMs, HEARTBEAT_MS)
  whole('deadAfterMs', deadAfterMs, DEAD_AFTER_MS)
  whole('tenureMs', tenureMs, TENURE_MS)
  if (deadAfterMs < BEATS_MIN * heartbeatMs)
    throw new RangeError(`cluster.deadAfterMs: accepted is at least ${BEATS_MIN} times heartbeatMs`)
  if (!isAddress(options.address))
    throw new RangeError('cluster.address: accepted is http://host:port or https://host:port, without a path')
  return { heartbeatMs, deadAfterMs, tenureMs }
}
