// Whole reads and writes, and durable names, for the file calls that go beside the log thread.
import { type FileHandle, open } from 'node:fs/promises'

export const writeWhole = async (file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> => {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done)
    if (bytesWritten <= 0) throw new Error(`wrote ${bytesWritten} of ${bytes.length - done} bytes`)
    done += bytesWritten
  }
}

/** Fills `into` as far as the file goes; returns how many bytes there were. */
export const readWhole = async (file: FileHandle, into: Uint8Array, offset: number): Promise<number> => {
  let done = 0
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, offset + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

/** Makes names in the folder durable: created, renamed and removed ones. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
