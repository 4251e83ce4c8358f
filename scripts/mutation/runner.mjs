// Runs inside vitest, in its worker, in place of its test runner. First every test once without a mistake: which mistakes does
// it pass by, and how long does it take? Then one mistake at a time is switched on and the tests that pass by it are called again,
// in the same process, until one fails. A mistake in what a module does while it loads needs the module to be loaded again.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { collectTests, getFn, getHooks } from '@vitest/runner'
import { expect, TestRunner, vi } from 'vitest'

const plan = JSON.parse(readFileSync(process.env.MUTATION_PLAN, 'utf8'))
const NONE = -1
/** A mistake may make a test slower, but not this much slower than it was. */
const SLOWER_AT_MOST = 30
const SPARE_STEPS = 1_000_000
const SPARE_MS = 2_000
const BEAT_MS = 1_000
/** After so many mistakes the tests that failed have to pass without one. */
const CHECKED_EVERY = 25
/** Processor time that tests of other folders may take for one mistake. */
const ALSO_MS = 2_000

const $m = {
  active: NONE,
  seen: new Uint8Array(plan.mutants.length),
  stepsLeft: Number.MAX_SAFE_INTEGER,
  /** At a place with `count` mistakes from `first` on: is one of them made? */
  at(first, count) {
    this.seen[first] = 1
    if (--this.stepsLeft < 0) throw new Error('a test with a mistake runs on and on')
    const index = this.active - first
    return index >= 0 && index < count
  },
  turn() {
    if (--this.stepsLeft < 0) throw new Error('a test with a mistake runs on and on')
  },
}
globalThis.$mutation = $m

const placesSeen = () => {
  const places = []
  for (let place = $m.seen.indexOf(1); place >= 0; place = $m.seen.indexOf(1, place + 1)) places.push(place)
  return places
}
const tell = (what) => appendFileSync(plan.verdicts, `${JSON.stringify(what)}\n`)
const testsIn = (suite) => suite.tasks.flatMap((task) => (task.type === 'suite' ? testsIn(task) : [task]))
const suitesOf = (test) => (test.suite ? [...suitesOf(test.suite), test.suite] : [test.file])

const isOwn = (path) => plan.own.some((own) => path.includes(`/${own}`))

// biome-ignore lint/style/noDefaultExport: vitest takes a runner from there
export default class MutationRunner extends TestRunner {
  tests = []
  files = 0
  beatAt = 0
  kills = new Map()
  loading = new Set()
  sound = undefined
  firstRun = existsSync(plan.known) ? JSON.parse(readFileSync(plan.known, 'utf8')) : undefined
  known = this.firstRun ?? { tests: {}, loading: [] }
  isCounting = this.firstRun === undefined

  onCollectStart(file) {
    super.onCollectStart(file)
    if (this.isCounting) $m.seen.fill(0)
  }

  async onBeforeRunFiles(files) {
    for (const place of this.isCounting ? placesSeen() : []) this.loading.add(place)
    for (const file of files) if (file.result?.state === 'fail') tell({ broken: file.filepath })
    if (!this.isCounting) for (const test of files.flatMap(testsIn)) test.mode = 'skip'
  }

  onBeforeTryTask(test) {
    super.onBeforeTryTask(test)
    $m.seen.fill(0)
    $m.stepsLeft = Number.MAX_SAFE_INTEGER
    this.startedAt = performance.now()
    this.cpuAtStart = process.cpuUsage()
  }

  onTaskFinished(test) {
    const ms = performance.now() - this.startedAt
    const { user, system } = process.cpuUsage(this.cpuAtStart)
    const steps = Number.MAX_SAFE_INTEGER - $m.stepsLeft
    // A test that fails without any mistake says nothing.
    if (test.result.state === 'fail') tell({ broken: `${test.file.name} > ${test.name}` })
    else this.known.tests[test.id] = { ms, cpuMs: (user + system) / 1_000, steps, places: placesSeen() }
    this.beat(test.name)
  }

  async onAfterRunFiles(files) {
    super.onAfterRunFiles()
    this.tests.push(...files.flatMap(testsIn))
    this.files += 1
    if (this.files < plan.testFiles) return
    if (this.isCounting) this.keepWhatIsKnown()
    this.isCounting = false
    await this.tryAll()
  }

  keepWhatIsKnown() {
    this.known.loading = [...this.loading]
    writeFileSync(plan.known, JSON.stringify(this.known))
  }

  /** For the process that looks whether this one still gets on. */
  beat(what) {
    if (performance.now() - this.beatAt < BEAT_MS) return
    this.beatAt = performance.now()
    writeFileSync(plan.beat, `${this.beatAt} ${what}`)
  }

  async tryAll() {
    const byPlace = new Map()
    for (const test of this.tests) {
      for (const place of this.known.tests[test.id]?.places ?? []) {
        if (!byPlace.has(place)) byPlace.set(place, [])
        byPlace.get(place).push(test)
      }
    }
    const loading = new Set(this.known.loading)
    const careful = new Set(plan.careful)
    let unchecked = []
    let killers = new Set()
    for (const [index, id] of plan.todo.entries()) {
      tell({ begin: id })
      const mutant = plan.mutants[id]
      const verdict = await this.tryOne(mutant, byPlace.get(mutant.site) ?? [], loading.has(mutant.site))
      const by = verdict.test ?? verdict.testLoaded
      tell({ id, verdict: verdict.is, by: by && `${by.file.name} > ${by.name}` })
      unchecked.push(id)
      if (verdict.test) killers.add(verdict.test)
      if (unchecked.length < CHECKED_EVERY && !careful.has(id) && index < plan.todo.length - 1) continue
      if (!(await this.passAgain(killers))) {
        // The first of a process met nothing that was left behind: its verdict stands.
        return tell({ again: index === 0 ? [] : unchecked })
      }
      unchecked = []
      killers = new Set()
    }
    tell({ done: true })
  }

  /** Without any mistake. If not, an earlier one has left something behind that speaks against later ones. */
  async passAgain(tests) {
    for (const test of tests) if ((await this.call(test)) !== 'passed') return false
    return true
  }

  async tryOne(mutant, tests, isLoading) {
    if (tests.length === 0 && !isLoading) return { is: 'untested' }
    const verdict = await this.firstFailure(mutant, this.inOrder(tests))
    return verdict.is === 'survived' && isLoading ? this.tryLoading(mutant) : verdict
  }

  /** Tests of the folder first, then what was quick and found much so far; of the others as many as there is time for. */
  inOrder(tests) {
    const price = (test) => this.known.tests[test.id].cpuMs / (1 + (this.kills.get(test.id) ?? 0))
    const ordered = tests.toSorted((a, b) => price(a) - price(b))
    let leftMs = ALSO_MS
    const others = ordered.filter((test) => {
      if (isOwn(test.file.filepath)) return false
      leftMs -= this.known.tests[test.id].cpuMs
      return leftMs > 0 || plan.always.some((path) => test.file.filepath.endsWith(path))
    })
    return [...ordered.filter((test) => isOwn(test.file.filepath)), ...others]
  }

  async firstFailure(mutant, tests) {
    for (const test of tests) {
      $m.active = mutant.id
      let end = await this.call(test)
      // The machine may have stood still: only twice late is late.
      if (end === 'late') end = await this.call(test)
      $m.active = NONE
      if (end === 'passed') continue
      this.kills.set(test.id, (this.kills.get(test.id) ?? 0) + 1)
      return { is: end === 'failed' ? 'killed' : 'timeout', test }
    }
    return { is: 'survived' }
  }

  /** The tests of the folder once more, with every module loaded while the mistake is made. */
  async tryLoading(mutant) {
    const sound = await this.soundWhenLoadedAnew()
    vi.resetModules()
    for (const path of this.ownPaths()) {
      $m.active = mutant.id
      const file = await this.loaded(path)
      $m.active = NONE
      if (file.result?.state === 'fail') return { is: 'killed' }
      const tests = testsIn(file).filter((test) => sound.has(test.id))
      const verdict = await this.firstFailure(mutant, this.inOrder(tests))
      if (verdict.is !== 'survived') return { is: verdict.is, testLoaded: verdict.test }
    }
    return { is: 'survived' }
  }

  /** Which tests pass without any mistake when everything is loaded once more: only these say something then. */
  async soundWhenLoadedAnew() {
    if (this.sound !== undefined) return this.sound
    this.sound = new Set()
    vi.resetModules()
    for (const path of this.ownPaths()) {
      const tests = testsIn(await this.loaded(path)).filter((test) => this.known.tests[test.id] !== undefined)
      for (const test of tests) if ((await this.call(test)) === 'passed') this.sound.add(test.id)
    }
    return this.sound
  }

  ownPaths() {
    return new Set(this.tests.map((test) => test.file.filepath).filter(isOwn))
  }

  async loaded(path) {
    $m.stepsLeft = Number.MAX_SAFE_INTEGER
    const [file] = await collectTests([path], this)
    return file
  }

  async call(test) {
    const { ms, steps } = this.known.tests[test.id]
    this.beat(test.name)
    $m.stepsLeft = steps * SLOWER_AT_MOST + SPARE_STEPS
    test.result = { state: 'run', startTime: 0, retryCount: 0 }
    let timer
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, ms * SLOWER_AT_MOST + SPARE_MS, 'late')
    })
    try {
      expect.setState({ currentTestName: test.name })
      return await Promise.race([this.withHooks(test), late])
    } catch {
      return $m.stepsLeft < 0 ? 'endless' : 'failed'
    } finally {
      clearTimeout(timer)
    }
  }

  async withHooks(test) {
    const suites = suitesOf(test)
    for (const suite of suites) for (const hook of getHooks(suite).beforeEach) await hook(test.context, suite)
    try {
      await getFn(test)()
    } finally {
      for (const suite of suites.toReversed()) {
        for (const hook of getHooks(suite).afterEach) await hook(test.context, suite)
      }
    }
    return 'passed'
  }
}
