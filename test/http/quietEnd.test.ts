import { expect, test } from 'vitest'
import { doorEmpty, quietForPause } from '../../src/http/quietEnd.js'

test('R61 a server that ends cuts no connection before a whole pause has gone by without a request', async () => {
  let begun = 3
  let pauses = 0
  const requests = { begun: () => begun, quiet: () => Promise.resolve() }
  await quietForPause(requests, async () => {
    pauses += 1
    // Read and answered within the pause: nothing is in flight at its end.
    if (pauses < 4) begun += 1
  })
  expect(pauses).toBe(4)
})

test('R61 a request that is being answered is waited for before the pause begins', async () => {
  const order: string[] = []
  const quiet = async (): Promise<void> => {
    order.push('quiet')
  }
  await quietForPause({ begun: () => 0, quiet }, async () => {
    order.push('pause')
  })
  expect(order).toEqual(['quiet', 'pause'])
})

test('R61 the door stays open until a whole turn has let nobody in', async () => {
  let waiting = 40
  let accepted = 7
  const oneATurn = async (): Promise<void> => {
    if (waiting === 0) return
    waiting -= 1
    accepted += 1
  }
  await doorEmpty(() => accepted, oneATurn)
  expect(waiting).toBe(0)
})

test('R61 whoever keeps coming does not keep the door open for ever', async () => {
  let accepted = 0
  await doorEmpty(
    () => accepted,
    async () => {
      accepted += 1
    },
  )
  expect(accepted).toBe(512)
})
