// The settings that readers of a topic take from the configuration, under the names that they go by on this command line.
import type { Command } from 'commander'
import type { ConfigFlags } from '../config/index.js'
import { TOPIC_DEFAULT } from '../config/kafkaSettings.js'

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
