// What an address of EventStoreDB or KurrentDB looks like. Apart from the rest, because commands ask this without opening anything.

const ADDRESS = /^(?:esdb|kurrentdb|kdb)(\+discover)?:\/\//i

export const isDatabaseAddress = (address: unknown): address is string =>
  typeof address === 'string' && ADDRESS.test(address)

/** Both servers speak the same protocol; the client knows one name of it. */
export const clientAddress = (address: string): string => address.replace(ADDRESS, 'esdb$1://')
