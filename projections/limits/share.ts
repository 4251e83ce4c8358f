// What one partition gets of a cap or rate that holds for the whole queue: a fixed share, by its number. The shares add up
// to the limit, so it holds without a word between partitions; what one does not use, no other can. A limit below the
// number of partitions would leave some with nothing, for ever, and is refused when it is configured.

export const shareOf = (limit: number, partitions: number, partition: number): number =>
  Math.floor(limit / partitions) + (partition < limit % partitions ? 1 : 0)
