// docker-compose.yml, as far as it can be looked at without Docker: it keeps to the schema of the Compose specification and to our own
// rules, and every ledgerq in it is started with a command line that our own program takes.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DCLinter } from 'dclint'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type ComposeService, cliCommand, composeFile } from './support/composeFile.js'

const FILE = fileURLToPath(new URL('../docker-compose.yml', import.meta.url))
const text = readFileSync(FILE, 'utf8')
const services = composeFile(text)
const own = [...services].filter(([, { image }]) => image === 'ledgerq')
const isOneShot = ({ restart }: ComposeService): boolean => restart === 'no'

/** The package's own types do not resolve under this project's module rules. */
type Problem = Readonly<{ rule: string; line: number; message: string }>
const problemsIn = (file: string): ReadonlyArray<Problem> => {
  const linter = new DCLinter({
    rules: {
      // The small set-up is at the address of the large one, and takes its place.
      'no-duplicate-exported-ports': 0,
      'service-keys-order': 0,
      'services-alphabetical-order': 0,
      'top-level-properties-order': 0,
      'require-quotes-in-ports': 0,
      'service-dependencies-alphabetical-order': 0,
      'service-ports-alphabetical-order': 0,
      'no-build-and-image': 0,
    },
    quiet: true,
    debug: false,
    exclude: [],
  })
  return linter.lintFiles([file], false)[0]?.messages ?? []
}
const rulesBroken = (file: string): ReadonlyArray<string> => [
  ...new Set(problemsIn(file).map(({ rule }) => rule)),
]

describe('docker-compose.yml', () => {
  it('keeps to the schema of the Compose specification, and to what a linter finds beyond style', () => {
    expect(problemsIn(FILE).map(({ rule, line, message }) => `${rule}, line ${line}: ${message}`)).toEqual([])
  })

  it('is told apart by that schema from one that is wrong', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ledgerq-compose-'))
    try {
      const wrong = join(folder, 'docker-compose.yml')
      const lines = ['interval: 5s', 'read_only: true', "ports: ['127.0.0.1:2113:2113']"]
      for (const [n, line] of lines.entries()) {
        writeFileSync(wrong, text.replace(line, ['intervall: 5s', 'read_only: [1]', 'ports: {}'][n] ?? ''))
        expect(rulesBroken(wrong)).toEqual(['invalid-schema'])
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('starts EventStoreDB, Kafka, two nodes and both readers, and instead of them one server', () => {
    const active = [...services].filter(([, { profiles }]) => profiles.length === 0).map(([name]) => name)
    expect(active).toEqual(['eventstore', 'kafka', 'cluster-secret', 'node-a', 'node-b', 'metrics', 'audit'])
    expect(
      [...services].filter(([, { profiles }]) => profiles.includes('embedded')).map(([name]) => name),
    ).toEqual(['embedded'])
  })

  it('checks the health of everything that runs, and waits for it before what needs it is started', () => {
    for (const [name, service] of services) {
      expect([name, service.healthcheck !== undefined || isOneShot(service)]).toEqual([name, true])
      for (const [needed, { condition }] of Object.entries(service.dependsOn)) {
        const due = services.get(needed)
        if (due === undefined) throw new Error(`${name} depends on ${needed}, which is no service`)
        expect([name, needed, condition]).toEqual([
          name,
          needed,
          isOneShot(due) ? 'service_completed_successfully' : 'service_healthy',
        ])
      }
    }
    for (const name of ['node-a', 'node-b'])
      expect(Object.keys(services.get(name)?.dependsOn ?? {})).toEqual([
        'eventstore',
        'kafka',
        'cluster-secret',
      ])
  })

  it('opens no port but to this machine, gives no privileges, and names every volume', () => {
    for (const [name, { ports, capDrop, securityOpt, readOnly, image, privileged }] of services) {
      for (const port of ports) expect([name, port.startsWith('127.0.0.1:')]).toEqual([name, true])
      expect([name, capDrop, securityOpt, privileged]).toEqual([
        name,
        ['ALL'],
        ['no-new-privileges:true'],
        undefined,
      ])
      if (image === 'ledgerq') expect([name, readOnly]).toEqual([name, true])
    }
    const { volumes } = parse(text) as { volumes: Record<string, unknown> }
    const used = [...services.values()].flatMap(({ volumes: mounted }) =>
      mounted.map((mount) => mount.split(':')[0]),
    )
    expect(new Set(used)).toEqual(new Set(Object.keys(volumes)))
  })

  it('pins every image that is not ours to a version, and holds no secret', () => {
    for (const [name, { image }] of services)
      if (image !== 'ledgerq')
        expect([name, image]).toEqual([name, expect.stringMatching(/^[a-z]+\/[a-z]+:.*\d+\.\d+\.\d+/)])
    const secrets = [...services].flatMap(([, { environment }]) =>
      Object.entries(environment).filter(([variable]) => /TOKEN|PASSWORD|SECRET$/.test(variable)),
    )
    expect(secrets.length).toBeGreaterThan(0)
    for (const [variable, value] of secrets)
      expect([variable, value]).toEqual([variable, expect.stringMatching(/^\$\{[A-Z_]+:\?/)])
  })

  it.each(own.filter(([, service]) => !isOneShot(service)).map(([name]) => name))(
    'starts %s with a command line and settings that the program takes',
    async (name) => {
      const service = services.get(name)
      if (service === undefined) throw new Error(name)
      const environment = { ...service.environment, LEDGERQ_TOKEN: 'a'.repeat(32) }
      const { name: run, config, options } = await cliCommand(service.command, environment)
      expect(run).toBe(name === 'metrics' || name === 'audit' ? name : 'serve')
      // Open to the network of the containers, and only with the token.
      expect(run === 'serve' ? config.host : options.host).toBe('0.0.0.0')
      expect(config.token).toBe('a'.repeat(32))
      expect(config.kafkaBrokers).toBe(name === 'embedded' ? undefined : 'kafka:9092')
    },
    // The first one loads all that serves.
    120_000,
  )
})

describe('the check of command lines', () => {
  it.each([
    [['serve', '--prot=7654'], /unknown option/],
    [['serve', '--port=70000'], /whole number/],
    [['audit', '--port=x'], /whole number/],
    [['metric'], /unknown command/],
  ])('sees that %j is not taken', async (command, problem) => {
    await expect(cliCommand(command, {})).rejects.toThrow(problem)
  })
})
