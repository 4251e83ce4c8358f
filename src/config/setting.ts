// One setting: what it is called in the file, in the environment and on the command line, and what is accepted for it.
// The name of a codec is that sentence, so a refusal and a page of help cannot differ.
import * as t from 'io-ts'

export type Setting<A> = Readonly<{
  /** Dots stand for objects inside each other in the file. */
  key: string
  variable: string
  flag: string
  meaning: string
  codec: t.Type<A, A, unknown>
  /** Text of the environment or of a flag as the JSON value that the file would hold. */
  ofText: (text: string) => unknown
  fallback: A | undefined
  /** Never shown, never quoted. */
  isSecret: boolean
  /** A path; one in the file is meant from the folder of the file, not from where the program was started. */
  isPath: boolean
}>

/** Whatever it holds. */
export type AnySetting = Omit<Setting<unknown>, 'codec'> & Readonly<{ codec: t.Mixed }>

export type Declared<A> = Pick<Setting<A>, 'key' | 'variable' | 'flag' | 'meaning' | 'codec'> &
  // The codec alone says what a setting holds.
  Partial<Setting<NoInfer<A>>>

export const setting = <A>(declared: Declared<A>): Setting<A> => ({
  ofText: (text) => text,
  fallback: undefined,
  isSecret: false,
  isPath: false,
  ...declared,
})

export const accepted = <A>(sentence: string, is: (value: unknown) => value is A): t.Type<A, A, unknown> =>
  new t.Type(
    sentence,
    is,
    (value, context) => (is(value) ? t.success(value) : t.failure(value, context, `accepted is ${sentence}`)),
    t.identity,
  )

export const text = accepted(
  'text that is not empty',
  (value): value is string => typeof value === 'string' && value.trim() !== '',
)

export const wholeNumber = (from: number, to: number): t.Type<number, number, unknown> =>
  accepted(
    `a whole number from ${from} to ${to}`,
    (value): value is number => Number.isInteger(value) && Number(value) >= from && Number(value) <= to,
  )

export const yesOrNo = accepted('true or false', (value): value is boolean => typeof value === 'boolean')

export const oneOf = <Name extends string>(...names: ReadonlyArray<Name>): t.Type<Name, Name, unknown> =>
  accepted(`one of ${names.join(', ')}`, (value): value is Name =>
    (names as ReadonlyArray<unknown>).includes(value),
  )

export const numberOf = (written: string): unknown =>
  /^-?\d{1,15}$/.test(written) ? Number(written) : written

export const booleanOf = (written: string): unknown =>
  written === 'true' ? true : written === 'false' ? false : written
