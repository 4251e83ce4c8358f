// Why an archive stops: what was archived has changed, or what comes from the topic cannot be archived. Either names the place.

/** Where in the archive, and what. `line` counts from 1. */
export type Damage = Readonly<{
  file: string
  line: number | undefined
  stream: string | undefined
  revision: number | undefined
  reason: string
}>

export const describeDamage = ({ file, line, stream, revision, reason }: Damage): string => {
  const where = line === undefined ? file : `${file}, line ${line}`
  const what = stream === undefined ? '' : ` (${stream}, revision ${revision ?? 'unknown'})`
  return `${where}${what}: ${reason}`
}

/** Something below what was synced is not as it was written. */
export class ArchiveDamaged extends Error {
  constructor(readonly damage: Damage) {
    super(`The archive is damaged: ${describeDamage(damage)}.`)
  }
}

/** A record that must not be there, or one that is missing: nothing is archived from here on until somebody has looked. */
export class TopicAlarm extends Error {
  constructor(
    readonly partition: number,
    readonly offset: number,
    reason: string,
  ) {
    super(`ALARM: partition ${partition}, offset ${offset}: ${reason}.`)
  }
}
