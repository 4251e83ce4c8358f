// Asks a question of the database again and again: how PostgreSQL peers show that the last
// acknowledgement is committed. The pause is small against the seconds of a measured drain.
import { setTimeout as delay } from 'node:timers/promises'

const PAUSE_MS = 2

export async function untilTrue(question) {
  while (!(await question())) await delay(PAUSE_MS)
}
