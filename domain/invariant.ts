// The one way to state what must always hold. A broken invariant is a defect of the program or a corrupt
// log, never an answer to a caller: it is thrown, and only the supervisor catches it.

export class Defect extends Error {
  override readonly name = 'Defect'
}

/** Throws a {@link Defect} unless `condition` is truthy. Open `message` with the invariant's number: `I3 ...`. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Defect(message)
}
