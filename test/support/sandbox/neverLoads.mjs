// A module whose loading never ends.
await new Promise(() => setInterval(() => undefined, 1_000))
export const handler = () => undefined
