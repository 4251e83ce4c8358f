// What comes from the environment: the only reader of process.env. Flags win over it, and it wins over the defaults.
import { isLeft } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'

export const DEFAULT_PORT = 7654
export const DEFAULT_HOST = '127.0.0.1'
export const DEFAULT_DATA_DIRECTORY = './data'

const PORT_MAX = 65_535

const text = new t.Type<string, string, unknown>(
  'text',
  t.string.is,
  (value, context) =>
    typeof value === 'string' && value.trim() !== ''
      ? t.success(value)
      : t.failure(value, context, 'accepted is text that is not empty'),
  t.identity,
)

/** Port 0 = any free one. */
export const portOf = (value: string): number | undefined =>
  /^\d{1,5}$/.test(value) && Number(value) <= PORT_MAX ? Number(value) : undefined

const port = new t.Type<number, string, unknown>(
  'port',
  t.number.is,
  (value, context) => {
    const number = typeof value === 'string' ? portOf(value) : undefined
    return number === undefined
      ? t.failure(value, context, `accepted is a whole number from 0 to ${PORT_MAX}`)
      : t.success(number)
  },
  String,
)

const EnvironmentCodec = t.partial({
  LEDGERQ_URL: text,
  LEDGERQ_TOKEN: text,
  LEDGERQ_DATA: text,
  LEDGERQ_HOST: text,
  LEDGERQ_PORT: port,
})

export type Config = Readonly<{
  url: string
  token: string | undefined
  dataDirectory: string
  host: string
  port: number
}>

export class ConfigError extends Error {}

/** @throws ConfigError that names the variable and what is accepted, never its value: it may be the token */
export const readConfig = (
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Config => {
  const given = Object.fromEntries(
    Object.keys(EnvironmentCodec.props).flatMap((name) =>
      environment[name] === undefined ? [] : [[name, environment[name]]],
    ),
  )
  const decoded = EnvironmentCodec.decode(given)
  if (isLeft(decoded)) {
    const [error] = decoded.left
    throw new ConfigError(
      `${error?.context.at(-1)?.key ?? 'environment'}: ${error?.message ?? 'not understood'}`,
    )
  }
  const { LEDGERQ_URL, LEDGERQ_TOKEN, LEDGERQ_DATA, LEDGERQ_HOST, LEDGERQ_PORT } = decoded.right
  const listenPort = LEDGERQ_PORT ?? DEFAULT_PORT
  return {
    url: LEDGERQ_URL ?? `http://${DEFAULT_HOST}:${listenPort}`,
    token: LEDGERQ_TOKEN,
    dataDirectory: LEDGERQ_DATA ?? DEFAULT_DATA_DIRECTORY,
    host: LEDGERQ_HOST ?? DEFAULT_HOST,
    port: listenPort,
  }
}
