// What the configuration says of the cluster, put together for a server that is to be one of its nodes.
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { ClusterOptions } from '../cluster/options.js'
import { SECRET_CHARS_MIN } from '../cluster/peers.js'
import type { Config } from '../config/index.js'
import { UsageError } from './exitCode.js'

export type NodeSettings = Readonly<{ node: string; cluster: ClusterOptions }>

const secretOf = ({ clusterSecretFile: file, clusterSecret }: Config): string => {
  let secret = clusterSecret ?? ''
  if (file !== undefined) {
    try {
      secret = readFileSync(file, 'utf8').trim()
    } catch (error) {
      throw new UsageError(
        `${file}: cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown reason'}`,
      )
    }
  }
  if (secret.length >= SECRET_CHARS_MIN) return secret
  throw new UsageError(
    `--cluster needs what the nodes know each other by: at least ${SECRET_CHARS_MIN} characters in --cluster-secret-file or LEDGERQ_CLUSTER_SECRET`,
  )
}

/** Undefined = it serves alone. @throws UsageError for what is missing */
export const nodeSettings = (config: Config, version: string): NodeSettings | undefined => {
  if (!config.clusterEnabled) return undefined
  const { logAddress, clusterAdvertise: address, clusterNode: node = hostname() } = config
  if (logAddress === undefined)
    throw new UsageError('--cluster needs --log esdb://…: a directory serves one process alone')
  if (address === undefined)
    throw new UsageError('--cluster needs --advertise http://host:port, where the other nodes reach this one')
  const {
    clusterHeartbeatMs: heartbeatMs,
    clusterDeadAfterMs: deadAfterMs,
    clusterTenureMs: tenureMs,
  } = config
  const cluster = { address, secret: secretOf(config), version, heartbeatMs, deadAfterMs, tenureMs }
  return { node, cluster }
}
