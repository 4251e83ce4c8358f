/** A mistake, the promise that it breaks, and what has to notice it. */
export type PlantedBug = Readonly<{
  name: string
  breaks: string
  /** `from` stands exactly once in the file. */
  edits: ReadonlyArray<Readonly<{ file: string; from: string; to: string }>>
  /** The simulation, or the test file that covers what the simulation does not run. */
  foundBy: 'simulation' | `test/${string}.test.ts`
}>
