// Names of workers in this process. The name carries the incarnation of the process, so that after a restart it is certain
// which attempts have lost their worker (§4.12).

export const LOCAL_WORKER_PREFIX = 'local:'

export const localWorkerName = (incarnation: string, number: number): string =>
  `${LOCAL_WORKER_PREFIX}${incarnation}:${number}`

/** True for a local worker of another incarnation: the directory lock is ours now, so that process is gone. */
export const isOfLostProcess =
  (incarnation: string) =>
  (worker: string): boolean =>
    worker.startsWith(LOCAL_WORKER_PREFIX) && !worker.startsWith(`${LOCAL_WORKER_PREFIX}${incarnation}:`)
