// ledgerq serve. What serves is loaded only for this command: it takes longer to load than most commands take to run.
import type { Command } from 'commander'
import { KAFKA_SETTING_NAMES } from '../config/kafkaSettings.js'
import { contextOf, type Surroundings } from './context.js'
import { addSettingOptions, type SettingOptions, settingFlags } from './settingOptions.js'

const SERVE_SETTINGS = [
  'dataDirectory',
  'logAddress',
  'viewsDirectory',
  'port',
  'host',
  'strict',
  'blobs',
  'blobBytesMax',
  'autoCreateQueues',
  'streamPrefix',
  'clusterEnabled',
  'clusterNode',
  'clusterAdvertise',
  'clusterSecretFile',
  'clusterSecret',
  'clusterHeartbeatMs',
  'clusterDeadAfterMs',
  'clusterTenureMs',
  ...KAFKA_SETTING_NAMES,
  'logEnabled',
  'logLevel',
  'logFormat',
  'logTo',
  'logFile',
  'logFileBytesMax',
  'logFilesMax',
  'logPayloads',
] as const

export const addServeCommand = (program: Command, surroundings: Surroundings): void => {
  const command = program
    .command('serve')
    .description('run a server on the log in a directory, or in EventStoreDB')
  addSettingOptions(command, SERVE_SETTINGS).action(async (options: SettingOptions, invoked) => {
    const { serve } = await import('./serve.js')
    await serve(contextOf(surroundings, invoked, settingFlags(options, SERVE_SETTINGS)))
  })
}
