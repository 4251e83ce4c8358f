// Who works on a directory of a chaos run: the server that users start, one of small segments, a program that has the library in it,
// and a worker of its own. How each is told of its fate.
import { join } from 'node:path'
import { FATE_VARIABLE } from './chaosFate.js'
import type { Line } from './chaosLines.js'
import type { Mix } from './chaosMix.js'
import { COMMAND_LINE, LIBRARY, type Running, SERVER, start, WORKER } from './chaosProcesses.js'
import { FAILPOINT_VARIABLE } from './embedded/failpoints.js'

const JOB_NUMBERS_OF_A_CYCLE = 1_000_000

export class Hosts {
  constructor(
    private readonly directory: string,
    private readonly port: number,
    private readonly onLine: (line: Line) => void,
  ) {}

  server(mix?: Mix): Running {
    const { directory, port } = this
    if (mix?.host === 'serve') {
      const place = ['--data', directory, '--port', String(port)]
      const options = [...place, '--blobs', 'files', '--log-level', 'error']
      return start([COMMAND_LINE, '--json', 'serve', ...options], () => undefined)
    }
    const environment = mix === undefined ? {} : this.environment(mix)
    return start([...heap(mix), SERVER, directory, String(port)], () => undefined, environment)
  }

  library(mix: Mix): Running {
    const numbers = [String(mix.seed), String(mix.seed * JOB_NUMBERS_OF_A_CYCLE)]
    const args = [...heap(mix), LIBRARY, this.directory, ...numbers]
    return start(args, this.onLine, this.environment(mix))
  }

  worker(): Running {
    return start([WORKER, `http://127.0.0.1:${this.port}`], this.onLine)
  }

  /** A second one on the same directory. */
  rival(): Running {
    return start([SERVER, this.directory, '0'], () => undefined)
  }

  private environment({ fate }: Mix): Record<string, string> {
    if (fate.kind !== 'failpoint') return { [FATE_VARIABLE]: JSON.stringify(fate) }
    const { name, hit } = fate
    const markerFile = join(this.directory, '..', `${this.port}.failpoint`)
    return {
      [FATE_VARIABLE]: JSON.stringify(fate),
      [FAILPOINT_VARIABLE]: JSON.stringify({ name, hit, markerFile }),
    }
  }
}

const heap = (mix: Mix | undefined): ReadonlyArray<string> =>
  mix?.fate.kind === 'heap exhausted' ? ['--max-old-space-size=48'] : []
