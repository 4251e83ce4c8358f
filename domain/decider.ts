// The shape every decision in ledgerq has, and the fold that gives the same state back from the log (I6).
import type { Either } from 'fp-ts/lib/Either.js'

export type Decider<S, Command, Event, Refusal> = Readonly<{
  initialState: S
  /** `Right([])` means "already so"; `Left` means refused. Never throws for a command that the door let in. */
  decide: (command: Command, state: S) => Either<Refusal, ReadonlyArray<Event>>
  /** Total over every event that `decide` can produce from that state (I8); any other pair is a corrupt log. */
  evolve: (state: S, event: Event) => S
}>

export const replay = <S, Command, Event, Refusal>(
  decider: Decider<S, Command, Event, Refusal>,
  events: Iterable<Event>,
  from: S = decider.initialState,
): S => {
  let state = from
  for (const event of events) state = decider.evolve(state, event)
  return state
}
