// The program of the log thread.
import { realDisk } from './disk.js'
import { runLogThread } from './logThread.js'

runLogThread(realDisk)
