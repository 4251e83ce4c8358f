// The emulator, and appends of which it hears only the beginning: nothing of them is there. A real server misses the end of such a
// call; in Node a stream ends in the same way, whether its client ended it or its connection is gone.

import { randomUUID } from 'node:crypto'
import { createServer, connect as dial, type Socket } from 'node:net'
import sharedPb from '@eventstore/db-client/generated/shared_pb.js'
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js'
import streamsPb from '@eventstore/db-client/generated/streams_pb.js'
import { credentials } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { Emulator } from '../../support/eventstoredb/emulator.js'

const EVENTS = 100
const EVENT_BYTES = 5_000
/** More than a few events, and less than all. */
const CUT_AFTER_BYTES = 100_000

const optionsOf = (stream: string): streamsPb.AppendReq => {
  const name = new sharedPb.StreamIdentifier()
  name.setStreamName(Buffer.from(stream))
  const options = new streamsPb.AppendReq.Options()
  options.setStreamIdentifier(name)
  options.setAny(new sharedPb.Empty())
  const request = new streamsPb.AppendReq()
  request.setOptions(options)
  return request
}

const proposed = (): streamsPb.AppendReq => {
  const id = new sharedPb.UUID()
  id.setString(randomUUID())
  const message = new streamsPb.AppendReq.ProposedMessage()
  message.setId(id)
  message.setData(Buffer.alloc(EVENT_BYTES, 'x'))
  message.getMetadataMap().set('type', 'Told').set('content-type', 'application/octet-stream')
  const request = new streamsPb.AppendReq()
  request.setProposedMessage(message)
  return request
}

test('R34 an append whose connection is cut while it is sent is not there in part', async () => {
  const emulator = await Emulator.start()
  const passed: Socket[] = []
  let bytes = 0
  const door = createServer((from) => {
    const to = dial(emulator.port, '127.0.0.1')
    passed.push(from, to)
    for (const socket of [from, to]) socket.on('error', () => undefined)
    to.on('data', (answer) => from.write(answer))
    from.on('data', (sent) => {
      bytes += sent.length
      if (bytes < CUT_AFTER_BYTES) to.write(sent)
      // What was passed on has arrived before the end of the connection does.
      else to.end(() => from.destroy())
    })
  })
  await new Promise<void>((listening) => void door.listen(0, '127.0.0.1', listening))
  const address = door.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const client = new streamsGrpc.StreamsClient(`127.0.0.1:${port}`, credentials.createInsecure())
  try {
    const failed = new Promise((resolve) => {
      const call = client.append(resolve)
      call.write(optionsOf('told'))
      for (let n = 0; n < EVENTS; n++) call.write(proposed())
      call.end()
    })
    expect(await failed).not.toBeNull()
    // The same server answers a call that came after: whatever it makes of the first one is made.
    const direct = new streamsGrpc.StreamsClient(`127.0.0.1:${emulator.port}`, credentials.createInsecure())
    const second = new Promise((resolve) => {
      const call = direct.append(resolve)
      call.write(optionsOf('other'))
      call.write(proposed())
      call.end()
    })
    expect(await second).toBeNull()
    direct.close()
    expect(emulator.store.all.map(({ stream }) => stream)).toEqual(['other'])
  } finally {
    client.close()
    for (const socket of passed) socket.destroy()
    door.close()
    await emulator.stop()
  }
})
