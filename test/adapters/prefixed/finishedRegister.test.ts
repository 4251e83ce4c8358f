// The register of finished messages keeps its contract under a prefix.
import { memoryFinishedRegister } from '../../../src/adapters/memory/finishedRegister.js'
import { prefixedFinishedRegister } from '../../../src/adapters/prefixed/finishedRegister.js'
import { describeFinishedRegister } from '../../contract/finishedRegister.contract.js'

describeFinishedRegister('a register with a stream prefix', async () => ({
  register: prefixedFinishedRegister(memoryFinishedRegister(), 'acme.'),
  dispose: async () => {},
}))
