// Functions that users give to be told of something. They are no part of what they hear about: a mistake in one, thrown at
// once or by the promise of an async function, must neither fail that nor end the process.

export const tell = <Told extends ReadonlyArray<unknown>>(
  listener: ((...told: Told) => unknown) | undefined,
  ...told: Told
): void => {
  try {
    const answer = listener?.(...told)
    if (answer instanceof Promise) answer.catch(() => undefined)
  } catch {
    // There is nobody to hear of it.
  }
}

/** What reports are given: anything can be thrown, also what has no text. */
export const errorFrom = (thrown: unknown): Error => {
  if (thrown instanceof Error) return thrown
  try {
    return new Error(String(thrown))
  } catch {
    return new Error('something without a text was thrown')
  }
}
