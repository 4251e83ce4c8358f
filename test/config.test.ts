// The environment: what it sets, what it may not say, and that a secret in it is never repeated.
import { describe, expect, it } from 'vitest'
import { ConfigError, readConfig } from '../src/config.js'

describe('the configuration', () => {
  it('has defaults for everything but the token', () => {
    expect(readConfig({})).toEqual({
      url: 'http://127.0.0.1:7654',
      token: undefined,
      dataDirectory: './data',
      host: '127.0.0.1',
      port: 7654,
    })
  })

  it('takes each value from its variable, and the port also for the default url', () => {
    const environment = {
      LEDGERQ_TOKEN: 't',
      LEDGERQ_DATA: '/d',
      LEDGERQ_HOST: '::',
      LEDGERQ_PORT: '80',
      OTHER: '',
    }
    expect(readConfig(environment)).toEqual({
      url: 'http://127.0.0.1:80',
      token: 't',
      dataDirectory: '/d',
      host: '::',
      port: 80,
    })
  })

  it.each([
    ['LEDGERQ_PORT', '65536'],
    ['LEDGERQ_PORT', '-1'],
    ['LEDGERQ_TOKEN', '  '],
    ['LEDGERQ_URL', ''],
  ])('refuses %s=%j by its name', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(new RegExp(`^${name}: accepted is`))
    expect(() => readConfig({ [name]: value })).toThrow(ConfigError)
  })

  it('does not repeat a token in its refusal', () => {
    expect(() => readConfig({ LEDGERQ_TOKEN: 'secret', LEDGERQ_PORT: 'x' })).toThrow(/^(?!.*secret)/)
  })
})
