// Identity and chance from the operating system.
import { randomBytes } from 'node:crypto'
import type { Ids } from '../ports/ids.js'

export const systemIds: Ids = {
  unique: () => randomBytes(16).toString('base64url'),
  random: () => Math.random(),
}
