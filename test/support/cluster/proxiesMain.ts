// Doors between the processes of a cluster, in a process of their own, so that they go on when whoever strikes is busy. Each passes
// TCP connections on to one place, until it is told otherwise. A door that is `silent` keeps what was sent and passes it on when it
// opens again, as a network does whose way comes back: late requests arrive. Talks by messages with its parent and ends with it.
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import type { DoorState, ToDoors } from './doors.js'

/** One direction of one connection: bytes arrive in the order in which they were sent, however late. */
class Lane {
  private readonly kept: Array<Readonly<{ bytes: Buffer; due: number }>> = []
  private timer: NodeJS.Timeout | undefined
  private delayMs = 0
  private isOpen = true

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    readonly isIncoming: boolean,
  ) {
    from.on('data', (bytes) => {
      this.kept.push({ bytes, due: performance.now() + this.delayMs })
      this.pass()
    })
    to.on('drain', () => this.flow())
  }

  become(isOpen: boolean, delayMs: number): void {
    this.isOpen = isOpen
    this.delayMs = delayMs
    this.flow()
  }

  private flow(): void {
    this.pass()
    // Back-pressure is passed on, too: a side that reads nothing stops the other.
    if (this.isOpen && !this.to.writableNeedDrain) this.from.resume()
    else this.from.pause()
  }

  private pass(): void {
    clearTimeout(this.timer)
    if (!this.isOpen || this.to.destroyed) return
    for (;;) {
      const [next] = this.kept
      if (next === undefined) return
      const earlyMs = next.due - performance.now()
      if (earlyMs > 0) {
        this.timer = setTimeout(() => this.pass(), earlyMs)
        return
      }
      this.kept.shift()
      if (!this.to.write(next.bytes)) this.from.pause()
    }
  }
}

type Pair = Readonly<{ from: Socket; to: Socket; lanes: ReadonlyArray<Lane> }>

class Door {
  private state: DoorState = { way: 'open' }
  private readonly pairs = new Set<Pair>()
  private server: Server | undefined
  private port = 0

  constructor(private readonly target: number) {}

  async listen(): Promise<number> {
    const server = createServer({ pauseOnConnect: true }, (from) => this.connected(from))
    this.server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.port, '127.0.0.1', resolve)
    })
    const address = server.address()
    this.port = typeof address === 'object' ? (address?.port ?? 0) : 0
    return this.port
  }

  private connected(from: Socket): void {
    const to = dial({ port: this.target, host: '127.0.0.1' })
    const pair = { from, to, lanes: [new Lane(from, to, true), new Lane(to, from, false)] }
    this.pairs.add(pair)
    const over = (): void => {
      this.pairs.delete(pair)
      from.destroy()
      to.destroy()
    }
    for (const socket of [from, to]) {
      socket.setNoDelay(true)
      socket.on('error', over)
      socket.once('close', over)
    }
    this.set(pair)
  }

  private set({ lanes }: Pair): void {
    const { state } = this
    for (const lane of lanes) {
      const isHeld =
        state.way === 'silent' ||
        (state.way === 'asksOnly' && !lane.isIncoming) ||
        (state.way === 'answersOnly' && lane.isIncoming)
      lane.become(!isHeld, state.way === 'slow' ? state.ms : 0)
    }
  }

  async become(state: DoorState): Promise<number> {
    this.state = state
    if (state.way !== 'shut') {
      for (const pair of this.pairs) this.set(pair)
      return this.server === undefined ? this.listen() : this.port
    }
    const { server } = this
    this.server = undefined
    const closed = new Promise((resolve) => server?.close(resolve))
    for (const { from, to } of this.pairs) {
      from.resetAndDestroy()
      to.resetAndDestroy()
    }
    if (server !== undefined) await closed
    return this.port
  }
}

const doors = new Map<string, Door>()

const done = async (order: ToDoors): Promise<number> => {
  if (order.order === 'build') {
    const door = new Door(order.target)
    doors.set(order.door, door)
    return door.listen()
  }
  const door = doors.get(order.door)
  if (door === undefined) throw new Error(`there is no door ${order.door}`)
  return door.become(order.state)
}

process.on('message', (message) => {
  const order = message as ToDoors
  const { number } = order
  void done(order).then(
    (port) => process.send?.({ number, port }),
    (error: unknown) => process.send?.({ number, fault: String(error) }),
  )
})
process.once('disconnect', () => process.exit(0))
