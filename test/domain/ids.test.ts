// Names that cross the door: each has one spelling, is read back as it was given out, and no other text passes for one.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  controlStream,
  generatedId,
  generatedIdPrefix,
  isCallerId,
  leaseToken,
  type PartitionRef,
  parseGeneratedId,
  parseLeaseToken,
  parsePartitionStream,
  partitionOf,
  partitionStream,
  QueueNameCodec,
} from '../../domain/ids.js'

const edge = fc.constantFrom(...'AZaz09_-')
const inner = fc.constantFrom(...'AZaz09_-.')
const queueName = fc
  .tuple(edge, fc.option(fc.tuple(fc.array(inner, { maxLength: 126 }), edge)))
  .map(([first, rest]) => (rest === null ? first : first + rest[0].join('') + rest[1]))
const ref: fc.Arbitrary<PartitionRef> = fc.record({
  queue: queueName,
  generation: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 1_000_000 })),
  partition: fc.integer({ min: 0, max: 1_023 }),
})
const ordinal = fc.oneof(
  fc.integer({ min: 1, max: 100 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
)

/** Texts that are almost one of ours. */
const nearly = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc
    .array(
      fc.constantFrom('orders', '.', '..', '~', '0', '1', '01', '2', 'z', '-', '/', '$', '%', ':', '\n', ' '),
      {
        maxLength: 9,
      },
    )
    .map((parts) => parts.join('')),
)

describe('a queue name', () => {
  it('may be any mix of letters, digits, ".", "_" and "-" without a dot at either end', () => {
    fc.assert(fc.property(queueName, (name) => QueueNameCodec.is(name)))
  })

  it.each([
    '',
    '.',
    '..',
    '...',
    '.orders',
    'orders.',
    'a/b',
    '../orders',
    'a\\b',
    '$orders',
    'orders$',
    'orders~1',
    'a b',
    'a:b',
    'a%2Fb',
    'orders\n',
    '\u0000',
    'żółw',
    'a'.repeat(129),
  ])('is not %j', (name) => {
    expect(QueueNameCodec.is(name)).toBe(false)
  })

  it('is never a path out of its folder', () => {
    fc.assert(
      fc.property(nearly, (name) => {
        if (!QueueNameCodec.is(name)) return
        expect(name).not.toMatch(/[/\\$~:%\s]|^\.|\.$/)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('a stream name', () => {
  it('of a partition names it, and is read back', () => {
    fc.assert(
      fc.property(ref, (one) => {
        expect(parsePartitionStream(partitionStream(one))).toEqual(one)
      }),
    )
  })

  it('is the same for no two partitions, nor for a control stream', () => {
    fc.assert(
      fc.property(ref, ref, (one, other) => {
        const same = one.queue === other.queue && one.generation === other.generation
        const names = [partitionStream(one), partitionStream(other)]
        expect(names[0] === names[1]).toBe(same && one.partition === other.partition)
        expect(names).not.toContain(controlStream(one.queue, one.generation))
      }),
    )
  })

  it.each([
    'ledger',
    'control-orders~1',
    'partition-orders',
    'partition-orders~1',
    'partition-orders~1.',
    'partition-orders~01.0',
    'partition-orders~0.0',
    'partition-orders~1.00',
    'partition-~1.0',
    'partition-a/b~1.0',
    'partition-..~1.0',
    'partition-orders.~1.0',
    'partition-orders~1.0\n',
    '$partition-orders~1.0',
    'partition-orders~1.9999999999999999',
    'partition-orders~1~2.0',
  ])('that we did not give is not taken for a partition: %j', (stream) => {
    expect(parsePartitionStream(stream)).toBeUndefined()
  })
})

describe('a generated id', () => {
  it('names queue, generation, partition and ordinal, and is read back', () => {
    fc.assert(
      fc.property(ref, ordinal, (one, n) => {
        const id = generatedId(one, n)
        expect(parseGeneratedId(id)).toEqual({ ...one, ordinal: n })
        expect(id.startsWith(generatedIdPrefix(one))).toBe(true)
      }),
    )
  })

  it('has one spelling: whatever is read as one is what would be given out', () => {
    fc.assert(
      fc.property(nearly, (text) => {
        const parsed = parseGeneratedId(text)
        if (parsed !== undefined) expect(generatedId(parsed, parsed.ordinal)).toBe(text)
      }),
      { numRuns: 5_000 },
    )
  })

  it.each([
    ['orders.0.1', { queue: 'orders', generation: 1, partition: 0, ordinal: 1 }],
    ['orders~2.0.1', { queue: 'orders', generation: 2, partition: 0, ordinal: 1 }],
    ['orders.eu.3.zz', { queue: 'orders.eu', generation: 1, partition: 3, ordinal: 1_295 }],
    ['orders.0.1.2', { queue: 'orders.0', generation: 1, partition: 1, ordinal: 2 }],
  ])('%s is read as queue, generation, partition, ordinal', (id, parts) => {
    expect(parseGeneratedId(id)).toEqual(parts)
  })

  it.each([
    '',
    'orders',
    'orders.0',
    'orders.0.',
    '.0.1',
    'orders.0.0',
    'orders.0.01',
    'orders.00.1',
    'orders~1.0.1',
    'orders~0.0.1',
    'orders~02.0.1',
    'orders.0.A',
    'orders.0.zzzzzzzzzzz',
    'orders.0.zzzzzzzzzzzz',
    'orders.9999999999999999.1',
    '...0.1',
    'orders..0.1',
    '.orders.0.1',
    'a/b.0.1',
    'orders.0.1\n',
    '$orders.0.1',
    `${'a'.repeat(129)}.0.1`,
  ])('%j is none', (id) => {
    expect(parseGeneratedId(id)).toBeUndefined()
  })
})

describe("a caller's id", () => {
  it.each([
    'order-7',
    'a',
    '7',
    '_x',
    'user@example.com',
    'a+b=c',
    'a~b',
    'a.b',
    'v1.2',
    'A'.repeat(128),
    'a..b',
  ])('may be %s', (id) => {
    expect(isCallerId(id)).toBe(true)
  })

  it.each([
    '',
    '.',
    '..',
    '.hidden',
    '../../etc/passwd',
    'a/b',
    'a\\b',
    '$all',
    'a$b',
    '-flag',
    'a:ack',
    'a b',
    'a%2e',
    'a?b',
    'a#b',
    'a\n',
    'ż',
    'a'.repeat(129),
  ])('may not be %j', (id) => {
    expect(isCallerId(id)).toBe(false)
  })

  it.each([
    'orders.0.7',
    'orders~2.0.7',
    'orders.0.07',
    'orders.00.7',
    'orders~1.0.7',
    'orders.0.0',
    'any.thing.12.zz',
    'orders.0.1.5',
    'orders.99999999999999999999.1',
  ])('may not look like a generated one: %s', (id) => {
    expect(isCallerId(id)).toBe(false)
  })

  it('is never one that could be given out later, of any queue', () => {
    fc.assert(
      fc.property(ref, ordinal, (one, n) => {
        expect(isCallerId(generatedId(one, n))).toBe(false)
      }),
    )
    fc.assert(
      fc.property(nearly, (text) => {
        if (isCallerId(text)) expect(parseGeneratedId(text)).toBeUndefined()
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('a lease token', () => {
  it('I3 names message and fence, and is read back', () => {
    fc.assert(
      fc.property(ref, ordinal, ordinal, (one, n, fence) => {
        expect(parseLeaseToken(leaseToken(one, n, fence))).toEqual({ ...one, ordinal: n, fence })
      }),
    )
  })

  it('I3 has one spelling', () => {
    fc.assert(
      fc.property(nearly, (text) => {
        const parsed = parseLeaseToken(text)
        if (parsed !== undefined) expect(leaseToken(parsed, parsed.ordinal, parsed.fence)).toBe(text)
      }),
      { numRuns: 5_000 },
    )
  })

  it.each([
    '',
    '.',
    'orders.0.1.',
    'orders.0.1.0',
    'orders.0.1.01',
    'orders.0.1.Z',
    'orders.0.0.1',
    'orders.0.1.zzzzzzzzzzz',
    'orders.0.1.$',
    '../0.1.1',
    'orders.0.1.1\n',
    'order-7.1',
  ])('%j is none', (token) => {
    expect(parseLeaseToken(token)).toBeUndefined()
  })
})

describe('the partition of a message', () => {
  it('is one of those the queue has', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 1_024 }), (key, partitions) => {
        const partition = partitionOf(key, partitions)
        expect(Number.isInteger(partition) && partition >= 0 && partition < partitions).toBe(true)
      }),
    )
  })

  // FNV-1a's published vectors, and written down: a key that moved to another partition after an upgrade would break order, groups and dedup.
  it.each([
    ['', 1_000_003, 129_763],
    ['a', 1_000_003, 990_745],
    ['foobar', 1_000_003, 726_078],
    ['foobar', 7, 0],
    ['customer-7', 1, 0],
  ])('of %j among %i stays where it is', (key, partitions, partition) => {
    expect(partitionOf(key, partitions)).toBe(partition)
  })

  it('spreads neighbours evenly', () => {
    const counts = new Array<number>(8).fill(0)
    for (let n = 0; n < 8_000; n++) {
      const partition = partitionOf(`customer-${n}`, 8)
      counts[partition] = (counts[partition] ?? 0) + 1
    }
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(200)
  })

  it('needs a partition to be in', () => {
    expect(() => partitionOf('a', 0)).toThrow(/at least one partition/)
  })
})
