// R53: JSON that was written to be misunderstood, as bytes over a socket to a real server: refused with a reason, or the same
// through lists, claims, the command line, a kill, and a snapshot.
import { expect, it } from 'vitest'
import { run } from '../cli/ledgerq.js'
import { withDirectory } from '../support/embedded/ledgerDirectory.js'
import { FaultClient } from '../support/faultClient.js'
import { startFaultServer } from '../support/faultServer.js'

const text = (payload: string): Buffer => Buffer.from(`{"payload":${payload}}`)
const around = (before: string, bytes: ReadonlyArray<number>, after: string): Buffer =>
  Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)])
const keys = (count: number): string => `{${Array.from({ length: count }, (_, n) => `"k${n}":0`).join()}}`

const REFUSED: ReadonlyArray<readonly [string, Buffer, number]> = [
  ['depth 400,000', text(`${'['.repeat(400_000)}${']'.repeat(400_000)}`), 422],
  ['depth 10^6', text(`${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`), 413],
  ['20,000 keys', text(keys(20_000)), 422],
  ['10^6 keys', text(keys(1_000_000)), 413],
  ['__proto__', text('{"__proto__":{"polluted":1}}'), 422],
  ['an escaped __proto__', text('{"\\u005f_proto__":{"polluted":1}}'), 422],
  ['constructor.prototype', text('{"constructor":{"prototype":{"polluted":1}}}'), 422],
  ['half a surrogate pair', text('"\\ud800"'), 422],
  ['half a surrogate pair as a key', text('{"\\udfff":1}'), 422],
  ['bytes that are no UTF-8', around('{"payload":"', [0xff, 0xfe], '"}'), 400],
  ['an overlong slash', around('{"payload":"', [0xc0, 0xaf], '"}'), 400],
  ['a surrogate as bytes', around('{"payload":"', [0xed, 0xa0, 0x80], '"}'), 400],
  ['half a character', around('{"payload":"', [0xe2, 0x82], '"}'), 400],
  ['a byte order mark', around('', [0xef, 0xbb, 0xbf], '{"payload":1}'), 400],
  ['UTF-16', Buffer.from('{"payload":1}', 'utf16le'), 400],
  ['2^53+1', text('9007199254740993'), 422],
  ['1e400', text('1e400'), 422],
  ['-0', text('-0'), 422],
  ['more digits than a number has', text('0.1000000000000000055511151231257827'), 422],
  ['keys twice', text('{"a":1,"a":2}'), 422],
  ['keys twice, one escaped', text('{"a":1,"\\u0061":2}'), 422],
  ['two payloads', Buffer.from('{"payload":1,"payload":2}'), 422],
  ['a NUL as it is', around('{"payload":"', [0], '"}'), 400],
  ['a comment', text('1/**/'), 400],
  ['a trailing comma', text('[1,]'), 400],
  ['nothing', Buffer.alloc(0), 400],
]

/** As they are to come back: compact, and otherwise to the letter. */
const ACCEPTED: ReadonlyArray<string> = [
  'null',
  '""',
  '{"":{"":[[],{},""]}}',
  '"\\u0000\\u001f\\"\\\\/"',
  '"\u2028\u2029\u202e\ufeff\u200d"',
  '"e\u0301 and \u00e9, \ud83d\udc69\u200d\ud83d\udc67, \ufffd"',
  '{"toString":1,"hasOwnProperty":null,"length":-1,"then":{"then":1}}',
  '9007199254740991',
  '[-9007199254740991,5e-324,1.7976931348623157e+308,1e-7,0.1]',
  `${'['.repeat(60)}${']'.repeat(60)}`,
  keys(1_000),
]

it('R53: each is refused with its reason, or comes back as it was', () =>
  withDirectory(async (directory) => {
    const client = new FaultClient()
    let server = await startFaultServer({ directory })
    client.url = server.url
    await client.create({ maxSize: 1_000 })
    const post = async (body: Buffer): Promise<Readonly<{ status: number; text: string }>> => {
      const response = await fetch(`${client.url}${client.path}/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: new Uint8Array(body),
      }).catch(() => undefined)
      // A server may close the door while the rest of what is too large still comes.
      return response === undefined
        ? { status: 413, text: '"code"' }
        : { status: response.status, text: await response.text() }
    }
    const refused: Array<readonly [string, number]> = []
    for (const [what, body] of REFUSED) {
      const answer = await post(body)
      refused.push([what, answer.status])
      expect(answer.text).toContain('"code"')
    }
    expect(refused).toEqual(REFUSED.map(([what, , status]) => [what, status]))
    const ids: string[] = []
    for (const payload of ACCEPTED) {
      const answer = await post(text(payload))
      expect({ payload, status: answer.status }).toEqual({ payload, status: 201 })
      ids.push((JSON.parse(answer.text) as { id: string }).id)
    }
    const allComeBack = async (): Promise<void> => {
      for (const [n, id] of ids.entries()) {
        const response = await fetch(`${client.url}${client.path}/messages/${id}`)
        expect(await response.text()).toContain(`"payload":${ACCEPTED[n]},`)
      }
      const list = await fetch(`${client.url}${client.path}/messages?limit=100`)
      expect(((await list.json()) as { messages: unknown[] }).messages).toHaveLength(ids.length)
    }
    await allComeBack()
    const [first = '', second = ''] = [ids[3], ids[5]]
    for (const id of [first, second]) {
      const shown = await run(['message', 'show', id, '--json'], { LEDGERQ_URL: client.url })
      expect((JSON.parse(shown.out) as { payload: unknown }).payload).toBe(
        JSON.parse(ACCEPTED[ids.indexOf(id)] ?? ''),
      )
    }
    // After a kill from the log alone, after a close from the snapshot.
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      server.kill(signal)
      await server.ended
      server = await startFaultServer({ directory })
      client.url = server.url
      await allComeBack()
    }
    const claims = await fetch(`${client.url}${client.path}/claims`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ max: 100, worker: 'w' }),
    })
    const claimed = await claims.text()
    for (const payload of ACCEPTED) expect(claimed).toContain(`"payload":${payload},`)
    expect(await client.ask('GET', client.path)).toMatchObject({
      json: { stats: { enqueued: ACCEPTED.length } },
    })
    server.kill('SIGKILL')
    await server.ended
  }))
