// The long run of `npm run cluster -- --messages 100000` in small: a cluster that passes everything on to a real broker, with handlers that
// fail, a node and the broker killed, the broker frozen under load, drained; then the log is judged and compared with what readers of the topic see.
import { afterAll, expect, test } from 'vitest'
import { Campaign } from '../support/cluster/campaign.js'
import { type KafkaBroker, startBroker } from '../support/kafka/broker.js'

const WITHIN_MS = 600_000
let broker: KafkaBroker | undefined
let campaign: Campaign | undefined
afterAll(async () => {
  await campaign?.house.leave({ keep: false })
  await broker?.stop()
}, WITHIN_MS)

test(
  'F4 R39 R46 nodes and broker killed under load, nothing is lost or leased twice, and the topic tells the log',
  async () => {
    broker = await startBroker()
    campaign = await Campaign.begin({
      seed: 2,
      nodes: 2,
      times: { heartbeatMs: 250, deadAfterMs: 1_250, tenureMs: 1_000 },
      probes: 2,
      probeEveryMs: 150,
      messages: 300,
      producers: 1,
      claimers: 1,
      quietMsMax: 100,
      kinds: ['broker killed', 'killed', 'broker frozen'],
      broker,
    })
    const { messages, records, failOvers } = await campaign.run()
    expect(messages).toBeGreaterThanOrEqual(300)
    expect(records).toBeGreaterThan(messages)
    expect(failOvers.map(({ kind }) => kind)).toEqual(['broker killed', 'killed', 'broker frozen'])
  },
  WITHIN_MS,
)
