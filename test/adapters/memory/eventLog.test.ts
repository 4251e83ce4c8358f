// The memory log keeps the contract.
import { openMemoryLog } from '../../../src/adapters/memory/eventLog.js'
import { describeEventLog } from '../../contract/eventLog.contract.js'

describeEventLog('the memory log', async () => ({ log: openMemoryLog(), dispose: async () => {} }))
