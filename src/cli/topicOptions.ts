// The settings that readers of a topic take from the configuration, under the names that they go by on this command line.
import type { Command } from 'commander'
import type { ConfigFlags } from '../config/index.js'
import { TOPIC_DEFAULT } from '../config/kafkaSettings.js'
import { DEFAULT_HOST } from '../config/settings.js'
import { wholeNumber } from './context.js'

export type TopicOptions = Readonly<{ brokers?: string; topic?: string }>

export const addTopicOptions = (command: Command): Command =>
  command
    .option('--brokers <list>', 'brokers of Kafka, host:port, with commas between them (LEDGERQ_KAFKA)')
    .option(
      '--topic <topic>',
      `topic that servers write with --kafka (LEDGERQ_KAFKA_TOPIC, ${TOPIC_DEFAULT})`,
    )

export const topicFlags = ({ brokers, topic }: TopicOptions): ConfigFlags => ({
  ...(brokers === undefined ? {} : { kafkaBrokers: brokers }),
  ...(topic === undefined ? {} : { kafkaTopic: topic }),
})

/** `port` undefined = there is no door. */
export type DoorOptions = Readonly<{ host: string; port?: number }>

const PORT_MAX = 65_535

export const addDoorOptions = (command: Command, port: number | undefined): Command =>
  command
    .option('--host <host>', 'address to listen on; others than loopback need a token', DEFAULT_HOST)
    .option(
      '--port <port>',
      'port of /metrics, /livez and /readyz; 0 = any free one',
      wholeNumber('--port', 0, PORT_MAX),
      port,
    )
