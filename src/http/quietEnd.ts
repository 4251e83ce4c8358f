// When a server that is about to end may cut its connections: after a while in which nobody asked for anything. A connection that is
// cut with a request on it leaves its client without knowing what became of that (R61).

export type Requests = Readonly<{
  /** How many have been read so far. */
  begun: () => number
  /** Resolves when none is being answered. */
  quiet: () => Promise<void>
}>

/** Requests that come in during the pause begin it anew: each connection may bring one more, so it does end. */
export const quietForPause = async (
  { begun, quiet }: Requests,
  pause: () => Promise<void>,
): Promise<void> => {
  for (;;) {
    await quiet()
    const before = begun()
    await pause()
    if (begun() === before) return
  }
}

/** Until everything that waits in accepted sockets now has been read. */
const wholeTurn = async (): Promise<void> => {
  // The first ends the turn under way, which may be past its sockets.
  for (let n = 0; n < 2; n++) await new Promise((resolve) => setImmediate(resolve))
}

/** As many as the system lets in before one of them is accepted: what `listen` asks for where nobody says otherwise, and one. */
const WAITING_MAX = 512

/**
 * Until everybody who waits at the door has been let in. A turn accepts as little as one connection, whatever waits, so that turns go
 * on until one has accepted none. Whoever keeps coming cannot keep the door open: after so many turns all who waited first are in.
 */
export const doorEmpty = async (accepted: () => number, turn = wholeTurn): Promise<void> => {
  for (let n = 0; n < WAITING_MAX; n++) {
    const before = accepted()
    await turn()
    if (accepted() === before) return
  }
}

/**
 * Timers come before sockets in a turn of the event loop. After a hold-up of this process the time is over before it has read
 * what was sent to it meanwhile, so it reads once more.
 */
export const pauseAndRead = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms))
  await wholeTurn()
}
