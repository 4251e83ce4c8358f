// Times are reported, not asserted: the machine that runs the tests has other things to do. LEDGERQ_FIGURES=1 prints them.
export const figure = (name: string, value: number): void => {
  if (process.env.LEDGERQ_FIGURES === '1') process.stdout.write(`figure: ${name}: ${value.toFixed(1)}\n`)
}
