/** Reads options of the command line that are whole numbers from 1; any other ends the program, and says which. */
export const wholeNumbersOf = (values) => (name) => {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number > 0) return number
  console.error(`--${name} takes a whole number from 1, not ${values[name]}`)
  process.exit(2)
}
