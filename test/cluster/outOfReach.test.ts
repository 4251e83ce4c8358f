// Nodes that share a log and cannot reach each other, under a virtual clock. F2: any node answers any request, so queues go where they
// can be reached; R39: they do so in peace, and not back and forth.
import { isLeft } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { House, type TestNode, TIMES } from './nodes.js'

const FOUR = ['v', 'w', 'x', 'y']
/** Until a way is missed, its node has said so, and the owner has heard it and handed over. */
const FOUND_OUT_MS = TIMES.deadAfterMs + 4 * TIMES.heartbeatMs

const houseOf = async (...names: ReadonlyArray<string>): Promise<House> => {
  const house = new House()
  for (const queue of FOUR) house.queues.add(queue)
  for (const name of names) await house.join(name)
  await house.clock.advance(3 * TIMES.tenureMs)
  return house
}
const nodeOf = (house: House, name: string): TestNode => {
  const node = house.nodes.find((one) => one.name === name)
  if (node === undefined) throw new Error(`there is no node ${name}`)
  return node
}
const cutWays = (house: House, ...ways: ReadonlyArray<string>): void => {
  for (const way of ways) house.cut.add(way)
}
const ownersOf = (house: House): ReadonlyArray<string> =>
  [...new Set(FOUR.flatMap((queue) => house.owners(queue)))].sort()

/** How often a queue was given to somebody. */
const movesIn = async (house: House): Promise<number> => {
  const page = await house.log.read('cluster', 0, 10_000_000)()
  if (isLeft(page)) throw new Error('the memory log answers')
  return page.right.batches.flatMap(({ events }) => events).filter(({ type }) => type === 'UnitAssigned')
    .length
}

describe('a node that reaches the log and not the others', () => {
  it('F2: that others cannot reach hands its queues over to them, in peace, and says why', async () => {
    const house = await houseOf('a', 'b', 'c')
    const [a, b] = [nodeOf(house, 'a'), nodeOf(house, 'b')]
    expect(b.open.size).toBeGreaterThan(0)
    const overlaps: string[] = []
    house.opened = (queue, node) => {
      if (b.open.has(queue) && node !== b) overlaps.push(queue)
      node.open.add(queue)
    }
    cutWays(house, 'a b', 'c b')
    await house.clock.advance(FOUND_OUT_MS)
    expect(ownersOf(house)).toEqual(['a', 'c'])
    for (const queue of FOUR) expect(house.owners(queue)).toHaveLength(1)
    expect(overlaps).toEqual([])
    expect(b.told.join()).toMatch(/^a, c cannot reach this node: others take over queue\/\w/)
    expect(await house.decided()).not.toContain('NodeExpired')
    const told = a.cluster.report().nodes.find(({ node }) => node === 'b')
    expect(told).toMatchObject({ isLive: true, unreachedBy: ['a', 'c'], units: 0 })
    const ofB = a.cluster.state.members.get('b')
    expect(ofB !== undefined && a.cluster.isOutOfReach(ofB)).toBe(true)
  })

  it('F2: gets its share again when it was in reach for the tenure, and not before', async () => {
    const house = await houseOf('a', 'b', 'c')
    cutWays(house, 'a b', 'c b')
    await house.clock.advance(FOUND_OUT_MS)
    house.cut.clear()
    await house.clock.advance(TIMES.tenureMs - TIMES.heartbeatMs)
    expect(nodeOf(house, 'b').open.size).toBe(0)
    await house.clock.advance(3 * TIMES.tenureMs)
    expect(ownersOf(house)).toEqual(['a', 'b', 'c'])
  })

  it('F2: whose way comes and goes loses its queues once', async () => {
    const house = await houseOf('a', 'b', 'c')
    const movesBefore = await movesIn(house)
    const owned = nodeOf(house, 'b').open.size
    for (let n = 0; n < 40; n++) {
      cutWays(house, 'a b', 'c b')
      await house.clock.advance(FOUND_OUT_MS)
      house.cut.clear()
      await house.clock.advance(TIMES.tenureMs / 2)
    }
    expect(ownersOf(house)).toEqual(['a', 'c'])
    expect((await movesIn(house)) - movesBefore).toBe(owned)
  })

  it('F2: takes them at once though it was out of reach until lately, where nobody else can be reached', async () => {
    const house = await houseOf('a', 'b', 'c')
    cutWays(house, 'a c', 'b c', 'b a', 'c a')
    await house.clock.advance(FOUND_OUT_MS)
    expect(ownersOf(house)).toEqual(['b'])
    house.cut.clear()
    cutWays(house, 'a b', 'c b')
    await house.clock.advance(FOUND_OUT_MS)
    expect(ownersOf(house)).toEqual(['a', 'c'])
  })

  it('F2: keeps them where only one of two others misses it, and where nobody reaches anybody', async () => {
    const house = await houseOf('a', 'b', 'c')
    const before = FOUR.map((queue) => house.owners(queue))
    cutWays(house, 'a b')
    await house.clock.advance(10 * FOUND_OUT_MS)
    expect(FOUR.map((queue) => house.owners(queue))).toEqual(before)
    cutWays(house, 'a c', 'b a', 'b c', 'c a', 'c b')
    await house.clock.advance(10 * FOUND_OUT_MS)
    expect(FOUR.map((queue) => house.owners(queue))).toEqual(before)
  })

  it('F2: of two nodes the one that can be reached leads everything', async () => {
    const house = await houseOf('a', 'b')
    cutWays(house, 'a b')
    await house.clock.advance(FOUND_OUT_MS)
    expect(ownersOf(house)).toEqual(['a'])
  })

  it('F2: that joins out of reach of the others gives back what it was given at first', async () => {
    const house = await houseOf('a')
    cutWays(house, 'a b')
    const b = await house.join('b')
    await house.clock.advance(5 * TIMES.tenureMs)
    expect(b.open.size).toBe(0)
    for (const queue of FOUR) expect(house.owners(queue)).toEqual(['a'])
  })

  it('R21: one that was frozen does not miss the others for the time in which it could not call them', async () => {
    const house = await houseOf('a', 'b', 'c')
    const a = nodeOf(house, 'a')
    a.freeze()
    cutWays(house, 'a b', 'a c')
    await house.clock.advance(TIMES.deadAfterMs - TIMES.heartbeatMs)
    house.cut.clear()
    a.thaw()
    await house.clock.advance(2 * TIMES.heartbeatMs)
    expect(a.cluster.report().nodes.flatMap(({ unreachedBy }) => unreachedBy)).toEqual([])
  })

  it('F4: a task moves to a node that reaches the others', async () => {
    const house = await houseOf('a', 'b', 'c')
    const running: string[] = []
    for (const { name, cluster } of house.nodes)
      cluster.runTask('relay', async () => {
        running.push(name)
        return async () => void running.splice(running.indexOf(name), 1)
      })
    await house.clock.advance(2 * TIMES.heartbeatMs)
    const [first = ''] = running
    for (const to of ['a', 'b', 'c']) if (to !== first) cutWays(house, `${first} ${to}`)
    await house.clock.advance(FOUND_OUT_MS)
    expect(running).toHaveLength(1)
    expect(running).not.toContain(first)
    expect(nodeOf(house, first).open.size).toBeGreaterThan(0)
  })
})
