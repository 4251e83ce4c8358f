// The register of finished messages beside a log with a prefix: kept under the names that the streams have in the log.
import type { FinishedRegister } from '../../ports/finishedRegister.js'

export const prefixedFinishedRegister = (register: FinishedRegister, prefix: string): FinishedRegister => {
  const named = (stream: string): string => prefix + stream
  return {
    note: (stream, entry, callerId) => register.note(named(stream), entry, callerId),
    find: (stream, ordinal) => register.find(named(stream), ordinal),
    findCallerId: (stream, callerId) => register.findCallerId(named(stream), callerId),
    page: (stream, query) => register.page(named(stream), query),
    flush: (stream, revision) => register.flush(named(stream), revision),
    coveredTo: (stream) => register.coveredTo(named(stream)),
    drop: (stream) => register.drop(named(stream)),
    close: () => register.close(),
  }
}
