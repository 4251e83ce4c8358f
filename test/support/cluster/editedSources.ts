// Hooks of the module loader that edit sources as they are loaded: see editedProgram.ts.

export type SourceEdit = Readonly<{
  /** The end of the file's path. */
  file: string
  find: string
  replace: string
}>

type Loaded = Readonly<{ source: string | Uint8Array | undefined }>

const edits = JSON.parse(process.env.CLUSTER_TEST_EDITS ?? '[]') as ReadonlyArray<SourceEdit>

export const load = async (
  url: string,
  context: unknown,
  next: (url: string, context: unknown) => Promise<Loaded>,
): Promise<Loaded> => {
  const loaded = await next(url, context)
  const fitting = edits.filter(({ file }) => url.endsWith(file))
  if (fitting.length === 0) return loaded
  let source = String(loaded.source)
  for (const { find, replace } of fitting) {
    if (!source.includes(find)) throw new Error(`${url} has no ${JSON.stringify(find)}`)
    source = source.replace(find, replace)
  }
  return { ...loaded, source }
}
