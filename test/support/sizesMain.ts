// One step of sizes.ts in a process of its own: step, directory and count are its arguments, a line of JSON its answer. It is
// killed by its own hand at the end: what it leaves is what a process leaves that dies.
import { writeSync } from 'node:fs'
import { runSize, type SizeStep } from './sizes.js'

const [, , step = '', directory = '', count = '0'] = process.argv
const figures = await runSize(step as SizeStep, directory, Number(count))
writeSync(1, `${JSON.stringify(figures)}\n`)
process.kill(process.pid, 'SIGKILL')
