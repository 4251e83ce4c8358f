// The memory register keeps the contract.
import { memoryFinishedRegister } from '../../../src/adapters/memory/finishedRegister.js'
import { describeFinishedRegister } from '../../contract/finishedRegister.contract.js'

describeFinishedRegister('the memory register', async () => ({
  register: memoryFinishedRegister(),
  dispose: async () => {},
}))
