// Work that one node of the cluster does for all: the relay to Kafka, follow-ups.
import type { UnitWork } from './heldUnits.js'

/** Answers with the way to end it. Rejecting = tried again. */
export type StartTask = () => Promise<() => Promise<unknown>>

/** It was given to a node that has no such work: back it goes. */
export class NotRunHere extends Error {}

export class ClusterTasks {
  private readonly starts = new Map<string, StartTask>()

  get names(): ReadonlyArray<string> {
    return [...this.starts.keys()]
  }

  add(name: string, start: StartTask): void {
    this.starts.set(name, start)
  }

  workOf(name: string): UnitWork {
    let stop: (() => Promise<unknown>) | undefined
    return {
      take: async () => {
        const start = this.starts.get(name)
        if (start === undefined) throw new NotRunHere(`${name} is not run on this node`)
        stop = await start()
      },
      release: async () => {
        await stop?.()
        stop = undefined
      },
    }
  }
}
