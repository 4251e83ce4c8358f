// The parent's end of `proxiesMain.ts`: doors that processes reach each other through, and what becomes of them.
import { type ChildProcess, fork } from 'node:child_process'

export type DoorState =
  | Readonly<{ way: 'open' }>
  /** Nobody listens there, and every connection is reset. */
  | Readonly<{ way: 'shut' }>
  /** Connections stay and take what is sent, and nothing arrives until the door opens. */
  | Readonly<{ way: 'silent' }>
  /** Requests arrive, their answers do not; and the other way round. */
  | Readonly<{ way: 'asksOnly' | 'answersOnly' }>
  | Readonly<{ way: 'slow'; ms: number }>

export type ToDoors = Readonly<{ number: number; door: string }> &
  (Readonly<{ order: 'build'; target: number }> | Readonly<{ order: 'become'; state: DoorState }>)

type Answer = Readonly<{ number: number; port?: number; fault?: string }>
type Order = ToDoors extends infer One ? (One extends ToDoors ? Omit<One, 'number'> : never) : never

const PROGRAM = new URL('./proxiesMain.js', import.meta.url)

export class Doors {
  private numbers = 0
  private readonly waiting = new Map<number, (answer: Answer) => void>()
  private readonly child: ChildProcess

  constructor() {
    this.child = fork(PROGRAM, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.child.on('message', (message) => {
      const answer = message as Answer
      this.waiting.get(answer.number)?.(answer)
      this.waiting.delete(answer.number)
    })
  }

  private order(order: Order): Promise<number> {
    const number = ++this.numbers
    return new Promise((resolve, reject) => {
      this.waiting.set(number, ({ port, fault }) =>
        port === undefined ? reject(new Error(fault)) : resolve(port),
      )
      this.child.send({ ...order, number })
    })
  }

  /** Resolves with the port it listens on, which stays its own. */
  build(door: string, target: number): Promise<number> {
    return this.order({ order: 'build', door, target })
  }

  /** Resolves once it is so: a door that is shut has no connection left. */
  become(door: string, state: DoorState): Promise<number> {
    return this.order({ order: 'become', door, state })
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await ended
  }
}
