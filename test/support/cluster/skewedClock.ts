// Loaded before a node (`--import`): its wall clock is off by so much, and off by the next of the list after each SIGUSR2. The monotonic
// clock goes on as it is, as it does on a machine whose clock is set.

const offsets = (process.env.CLUSTER_TEST_CLOCK_MS ?? '0').split(',').map(Number)
let turn = 0
const RealDate = Date
const now = (): number => RealDate.now() + (offsets[turn % offsets.length] ?? 0)

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: [], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
})
process.on('SIGUSR2', () => {
  turn += 1
})

export {}
