// A module without a handler.
export const other = 1
