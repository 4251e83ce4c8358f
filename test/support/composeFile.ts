// docker-compose.yml as tests look at it: services with what they say, and what our program makes of a command line in it.

import { isLeft } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { parse } from 'yaml'
import { programOf } from '../../src/cli/program.js'
import { type Config, type Environment, loadConfig } from '../../src/config/index.js'

const texts = t.array(t.string)
const ServiceCodec = t.intersection([
  t.type({ image: t.string }),
  t.partial({
    restart: t.string,
    command: texts,
    environment: t.record(t.string, t.string),
    ports: texts,
    volumes: texts,
    profiles: texts,
    healthcheck: t.type({ test: texts }),
    depends_on: t.record(t.string, t.type({ condition: t.string })),
    cap_drop: texts,
    security_opt: texts,
    read_only: t.boolean,
    privileged: t.boolean,
  }),
])
const FileCodec = t.type({ services: t.record(t.string, ServiceCodec) })

export type ComposeService = Readonly<{
  image: string
  restart: string | undefined
  command: ReadonlyArray<string>
  environment: Readonly<Record<string, string>>
  ports: ReadonlyArray<string>
  /** `volume:path` or `volume:path:ro`. */
  volumes: ReadonlyArray<string>
  profiles: ReadonlyArray<string>
  healthcheck: Readonly<{ test: ReadonlyArray<string> }> | undefined
  dependsOn: Readonly<Record<string, Readonly<{ condition: string }>>>
  capDrop: ReadonlyArray<string> | undefined
  securityOpt: ReadonlyArray<string> | undefined
  readOnly: boolean | undefined
  privileged: boolean | undefined
}>

/** In the order of the file, with anchors and merges resolved. */
export const composeFile = (text: string): ReadonlyMap<string, ComposeService> => {
  const decoded = FileCodec.decode(parse(text, { merge: true }))
  if (isLeft(decoded)) {
    const wrong = decoded.left.map(({ context }) => context.map(({ key }) => key).join('.'))
    throw new Error(`docker-compose.yml: ${wrong.join(', ')}`)
  }
  return new Map(
    Object.entries(decoded.right.services).map(([name, service]) => [
      name,
      {
        image: service.image,
        restart: service.restart,
        command: service.command ?? [],
        environment: service.environment ?? {},
        ports: service.ports ?? [],
        volumes: service.volumes ?? [],
        profiles: service.profiles ?? [],
        healthcheck: service.healthcheck,
        dependsOn: service.depends_on ?? {},
        capDrop: service.cap_drop,
        securityOpt: service.security_opt,
        readOnly: service.read_only,
        privileged: service.privileged,
      },
    ]),
  )
}

class Understood extends Error {}

/** What the program makes of a command line and its environment, up to where it would begin to work. */
export const cliCommand = async (
  command: ReadonlyArray<string>,
  environment: Environment,
): Promise<Readonly<{ name: string; config: Config; options: Readonly<Record<string, unknown>> }>> => {
  let config: Config | undefined
  const quiet = { outSlowly: async () => {}, out: () => {}, say: () => {}, stderr: process.stderr }
  const program = programOf({
    terminal: { ...quiet, isWatched: false, columns: undefined },
    version: '0.0.0',
    config: (flags) => {
      config = loadConfig({ flags, environment, directory: '/nowhere' }).config
      throw new Understood()
    },
    process: { stopping: () => new AbortController().signal, who: 'tester' },
  })
  await program.parseAsync([...command], { from: 'user' }).catch((cause: unknown) => {
    if (!(cause instanceof Understood)) throw cause
  })
  const run = program.commands.find((one) => one.name() === command[0])
  if (config === undefined || run === undefined) throw new Error(`${command.join(' ')}: nothing was run`)
  return { name: run.name(), config, options: run.opts() }
}
