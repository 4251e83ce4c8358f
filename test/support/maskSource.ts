// Blanks what is not code in a TypeScript text, keeping every offset and line break, so that a search for a
// word or an import is not misled by a comment, a string or a regular expression. Code inside `${}` of a
// template stays code.

export type MaskedSource = Readonly<{
  /** Comments blanked; strings as written. */
  withoutComments: string
  /** Comments, strings, templates and regular expressions blanked. */
  bare: string
}>

// Tried in this order at each place in code. A `/` opens a regular expression only where a value may start;
// everywhere else it divides.
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y
const STRING = /'(?:\\[\s\S]|[^'\\\n])*'?|"(?:\\[\s\S]|[^"\\\n])*"?/y
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y
const TEMPLATE_PART = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*/y
const VALUE_MAY_START = /(?:^|[([{},;:=!&|?+\-*%<>~^]|\b(?:return|typeof|case|in|of|void))\s*$/

const matchAt = (pattern: RegExp, text: string, at: number): string => {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}

const blank = (text: string): string => text.replace(/[^\n]/g, ' ')

export const maskSource = (text: string): MaskedSource => {
  let withoutComments = ''
  let bare = ''
  // One entry for each open template: how many braces are open inside its current `${`.
  const templates: number[] = []
  let at = 0

  const keepAsText = (part: string): void => {
    withoutComments += part
    bare += blank(part)
    at += part.length
  }
  const keepAsCode = (character: string): void => {
    withoutComments += character
    bare += character
    at += 1
  }
  /** Reads template text up to its end or the next `${`, which opens code again. */
  const templateText = (): void => {
    keepAsText(matchAt(TEMPLATE_PART, text, at))
    if (text.startsWith('${', at)) {
      templates.push(0)
      keepAsText('${')
    } else if (at < text.length) keepAsText('`')
  }

  while (at < text.length) {
    const character = text.charAt(at)
    const open = templates.at(-1)
    const comment = character === '/' ? matchAt(COMMENT, text, at) : ''
    if (comment !== '') {
      withoutComments += blank(comment)
      bare += blank(comment)
      at += comment.length
    } else if (character === "'" || character === '"') {
      keepAsText(matchAt(STRING, text, at))
    } else if (character === '`') {
      keepAsText('`')
      templateText()
    } else if (character === '}' && open === 0) {
      templates.pop()
      keepAsText('}')
      templateText()
    } else {
      if (open !== undefined && character === '{') templates[templates.length - 1] = open + 1
      if (open !== undefined && character === '}') templates[templates.length - 1] = open - 1
      const regex = character === '/' && VALUE_MAY_START.test(bare.slice(-40)) ? matchAt(REGEX, text, at) : ''
      if (regex === '') keepAsCode(character)
      else keepAsText(regex)
    }
  }
  return { withoutComments, bare }
}
