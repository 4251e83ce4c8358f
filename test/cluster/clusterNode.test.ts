// Nodes on one log under a virtual clock. F2: ownership moves by itself when a node dies or joins; a node that was frozen, cut off or
// replaced answers for nothing, and nobody is taken for dead by one who could not look.
import { describe, expect, it } from 'vitest'
import { House, TIMES } from './nodes.js'

const houseWith = async (queues: ReadonlyArray<string>, names: ReadonlyArray<string>) => {
  const house = new House()
  for (const queue of queues) house.queues.add(queue)
  const nodes = []
  for (const name of names) nodes.push(await house.join(name))
  await house.clock.advance(2 * TIMES.heartbeatMs)
  return { house, nodes }
}

const FOUR = ['v', 'w', 'x', 'y']

describe('a cluster', () => {
  it('F2: shares the queues among its nodes, each with one owner that has it open', async () => {
    const house = new House()
    const a = await house.join('a')
    const b = await house.join('b')
    for (const queue of FOUR) house.queues.add(queue)
    await house.clock.advance(2 * TIMES.heartbeatMs)
    for (const queue of FOUR) expect(house.owners(queue)).toHaveLength(1)
    expect([a.open.size, b.open.size]).toEqual([2, 2])
    expect(a.cluster.isReady && b.cluster.isReady).toBe(true)
  })

  it('F2: gives the queues of a node that dies to the others, when it was silent for long enough and not before', async () => {
    const { house, nodes } = await houseWith(FOUR, ['a', 'b'])
    const [a, b] = nodes
    a?.freeze()
    await house.clock.advance(TIMES.deadAfterMs - TIMES.heartbeatMs)
    expect(b?.cluster.live().has('a')).toBe(true)
    await house.clock.advance(3 * TIMES.heartbeatMs)
    for (const queue of FOUR) expect(house.owners(queue)).toEqual(['b'])
    expect(b?.cluster.report().nodes.map(({ node }) => node)).toEqual(['b'])
  })

  it('R21: a frozen node answers for nothing when it thaws, lets go of what others have, and joins again', async () => {
    const { house, nodes } = await houseWith(FOUR, ['a', 'b'])
    const [a, b] = nodes
    a?.freeze()
    await house.clock.advance(TIMES.tenureMs / 2)
    // It still believes, but nothing that it says is trusted any more.
    for (const queue of FOUR) expect(a?.owns(queue)).toBe(false)
    a?.thaw()
    await house.clock.settle()
    for (const queue of FOUR) expect(house.owners(queue)).toEqual(['b'])
    await house.clock.advance(2 * TIMES.heartbeatMs)
    expect(a?.open.size).toBe(0)
    expect(b?.cluster.report().nodes.map(({ node }) => node)).toEqual(['b', 'a'])
  })

  it('R21: one who was frozen does not take the others for dead for the time in which it could not look', async () => {
    const { house, nodes } = await houseWith(FOUR, ['a', 'b', 'c'])
    const [a, b, c] = nodes
    for (const node of [a, b]) node?.freeze()
    // Less than c needs to expire them; far more ticks pass for a and b than they can have looked in.
    await house.clock.advance(TIMES.deadAfterMs - TIMES.heartbeatMs)
    for (const node of [a, b]) node?.thaw()
    await house.clock.advance(4 * TIMES.heartbeatMs)
    expect(c?.cluster.report().nodes.map(({ node }) => node)).toEqual(['a', 'b', 'c'])
  })

  it('R21: after all of them were frozen none is taken for dead by the first that wakes up', async () => {
    const { house, nodes } = await houseWith(FOUR, ['a', 'b', 'c'])
    for (const node of nodes) node.freeze()
    await house.clock.advance(600_000)
    // The last of a round has seen the newest signs of the others before it fell asleep.
    for (const node of [...nodes].reverse()) {
      node.thaw()
      await house.clock.settle()
    }
    await house.clock.advance(2 * TIMES.heartbeatMs)
    expect(await house.decided()).not.toContain('NodeExpired')
    for (const queue of FOUR) expect(house.owners(queue)).toHaveLength(1)
  })

  it('R39: while the log is away nobody is expired, nobody answers, and afterwards all goes on as it was', async () => {
    const { house, nodes } = await houseWith(FOUR, ['a', 'b'])
    const before = FOUR.map((queue) => house.owners(queue))
    for (const node of nodes) node.isCutOff = true
    await house.clock.advance(60_000)
    for (const queue of FOUR) expect(house.owners(queue)).toEqual([])
    for (const node of nodes) node.isCutOff = false
    await house.clock.advance(2 * TIMES.heartbeatMs)
    expect(FOUR.map((queue) => house.owners(queue))).toEqual(before)
    expect(nodes[0]?.told).toEqual(['the cluster cannot be reached: cut off'])
  })

  it('R39: a node that is cut off from the log stops answering before another one can have its queues', async () => {
    const { house, nodes } = await houseWith(FOUR, ['a', 'b'])
    const [a, b] = nodes
    if (a !== undefined) a.isCutOff = true
    for (let n = 0; n < 40; n++) {
      await house.clock.advance(100)
      for (const queue of FOUR) expect(house.owners(queue).length).toBeLessThanOrEqual(1)
    }
    for (const queue of FOUR) expect(b?.owns(queue)).toBe(true)
  })

  it('F2: a process that joins under the name of another one replaces it, and that one never comes back', async () => {
    const { house, nodes } = await houseWith(FOUR, ['a', 'b'])
    const [old, b] = nodes
    const fresh = await house.join('a')
    await house.clock.advance(20 * TIMES.heartbeatMs)
    expect(old?.told).toEqual(['another process has joined the cluster as a: this one stops'])
    expect(old?.open.size).toBe(0)
    expect(old?.cluster.hasEnded).toBe(true)
    expect(fresh.told).toEqual([])
    expect((fresh?.open.size ?? 0) + (b?.open.size ?? 0)).toBe(4)
    expect(b?.cluster.report().nodes.map(({ node }) => node)).toEqual(['b', 'a'])
  })

  it('F2: a node that leaves ends its work before anybody else begins it, and is not missed', async () => {
    const { house, nodes } = await houseWith(FOUR, ['a', 'b'])
    const [a, b] = nodes
    const own = [...(a?.open ?? [])]
    const overlaps: string[] = []
    house.opened = (queue, node) => {
      if (a?.open.has(queue) === true && node !== a) overlaps.push(queue)
      node.open.add(queue)
    }
    if (a !== undefined) a.releaseMs = 3 * TIMES.heartbeatMs
    const left = a?.cluster.leave()
    await house.clock.advance(5 * TIMES.heartbeatMs)
    await left
    expect(own.length).toBeGreaterThan(0)
    expect(overlaps).toEqual([])
    for (const queue of FOUR) expect(house.owners(queue)).toEqual(['b'])
    expect(b?.cluster.report().nodes.map(({ node }) => node)).toEqual(['b'])
  })

  it('F2: a node that joins later gets its share, one queue after the other, once they have stayed for a while', async () => {
    const { house, nodes } = await houseWith(FOUR, ['a'])
    const b = await house.join('b')
    await house.clock.advance(TIMES.tenureMs / 2)
    expect(b.open.size).toBe(0)
    await house.clock.advance(2 * TIMES.tenureMs)
    expect([nodes[0]?.open.size, b.open.size]).toEqual([2, 2])
    for (const queue of FOUR) expect(house.owners(queue)).toHaveLength(1)
  })

  it('F2: an owner keeps a queue that the leader has not heard of yet, however long its catalogue lags', async () => {
    const { house, nodes } = await houseWith([], ['a', 'b'])
    const [a, b] = nodes
    // The leader cannot read which queues there are; the queue is created over another node.
    house.isCatalogAway = true
    const assigning = b?.cluster.assignQueue('new')
    await house.clock.settle()
    expect((await assigning)?.node).toBe('a')
    await house.clock.advance(3 * TIMES.tenureMs)
    expect(house.owners('new')).toEqual(['a'])
    house.isCatalogAway = false
    await house.clock.advance(2 * TIMES.tenureMs)
    expect(house.owners('new')).toEqual([])
    expect(a?.cluster.report().units).toEqual([])
  })

  it('R65: a queue that a node cannot lead goes to one that can, and the reason is told', async () => {
    const house = new House()
    const a = await house.join('a')
    a.hopeless.add('x')
    house.queues.add('x')
    await house.clock.advance(4 * TIMES.heartbeatMs)
    expect(house.owners('x')).toEqual([])
    expect(a.cluster.report().units).toMatchObject([
      { unit: 'queue/x', node: undefined, declined: { a: 'an event that is not known' } },
    ])
    await house.join('b')
    await house.clock.advance(4 * TIMES.heartbeatMs)
    expect(house.owners('x')).toEqual(['b'])
    expect(a.told).toEqual(['queue/x cannot be led here: an event that is not known'])
  })

  it('R65: a program that is too old for what the cluster writes does not join, and says so', async () => {
    const house = new House()
    await house.join('a', { level: 3 })
    await house.clock.advance(2 * TIMES.heartbeatMs)
    const old = house.make('b')
    await expect(old.cluster.start()).rejects.toThrow(
      'this program understands events up to level 2, and the cluster writes level 3: use a newer version',
    )
  })

  it('F8: newer kinds may be written only when all members understand them', async () => {
    const house = new House()
    const a = await house.join('a', { level: 3 })
    const b = await house.join('b')
    await house.clock.advance(2 * TIMES.heartbeatMs)
    expect(a.cluster.state.level).toBe(2)
    const left = b.cluster.leave()
    await house.clock.advance(5 * TIMES.tenureMs)
    await left
    // It may only be starting again.
    expect(a.cluster.state.level).toBe(2)
    await house.clock.advance(2 * TIMES.tenureMs)
    expect(a.cluster.state.level).toBe(3)
  })

  it('R65: a node of an older version that is started again finds its place, though all others are newer', async () => {
    const house = new House()
    const older = await house.join('a')
    const newer = await house.join('b', { level: 3 })
    house.queues.add('x')
    await house.clock.advance(2 * TIMES.heartbeatMs)
    for (let n = 0; n < 3; n++) {
      const left = (house.nodes.findLast(({ name }) => name === 'a') ?? older).cluster.leave()
      await house.clock.advance(3 * TIMES.tenureMs)
      await left
      expect(house.owners('x')).toEqual(['b'])
      await house.join('a')
      await house.clock.advance(TIMES.heartbeatMs)
    }
    expect(newer.cluster.state.level).toBe(2)
    const gone = newer.cluster.leave()
    await house.clock.advance(2 * TIMES.heartbeatMs)
    await gone
    expect(house.owners('x')).toEqual(['a'])
  })

  it('F4: a task runs on one node at a time, and on the next one when that dies', async () => {
    const { house, nodes } = await houseWith([], ['a', 'b'])
    const running = new Set<string>()
    for (const { name, cluster } of nodes)
      cluster.runTask('relay', async () => {
        running.add(name)
        return async () => void running.delete(name)
      })
    await house.clock.advance(2 * TIMES.heartbeatMs)
    expect([...running]).toHaveLength(1)
    const [first] = running
    nodes.find(({ name }) => name === first)?.freeze()
    await house.clock.advance(3 * TIMES.deadAfterMs)
    expect([...running]).toHaveLength(2)
    nodes.find(({ name }) => name === first)?.thaw()
    await house.clock.advance(2 * TIMES.heartbeatMs)
    expect([...running]).toEqual([first === 'a' ? 'b' : 'a'])
  })

  it('F4: a task that fails to start is tried again', async () => {
    const { house, nodes } = await houseWith([], ['a'])
    let tries = 0
    nodes[0]?.cluster.runTask('relay', async () => {
      if (++tries < 3) throw new Error('no broker')
      return async () => undefined
    })
    await house.clock.advance(10 * TIMES.heartbeatMs)
    expect(tries).toBe(3)
    expect(nodes[0]?.cluster.isReady).toBe(true)
  })
})
