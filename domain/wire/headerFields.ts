// Headers inside a row: their number, then name and value of each, in the order in which an object keeps them.
import type { ByteReader } from './byteReader.js'
import type { ByteWriter } from './byteWriter.js'

type Headers = Readonly<Record<string, string>>

export const writeHeaders = (headers: Headers, out: ByteWriter): void => {
  const names = Object.keys(headers)
  out.varint(names.length)
  for (const name of names) {
    out.string(name)
    out.string(headers[name]!)
  }
}

export const readHeaders = (bytes: ByteReader): Headers => {
  const headers: Record<string, string> = {}
  const names: string[] = []
  for (let left = bytes.varint(); left > 0; left--) {
    const name = bytes.string()
    // Assigned, this name would change the object instead of standing in it; the door lets none in.
    if (name === '__proto__') throw bytes.malformed('a header that cannot be one')
    headers[name] = bytes.string()
    names.push(name)
  }
  // Objects put names that are numbers first: any other order, or a name twice, would be written differently.
  const kept = Object.keys(headers)
  if (kept.length !== names.length || kept.some((name, i) => name !== names[i]))
    throw bytes.malformed('headers in an order of their own')
  return headers
}
