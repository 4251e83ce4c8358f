import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutUtf8, fitsUtf8 } from '../../../domain/payload/index.js'

const bytes = (text: string): number => new TextEncoder().encode(text).length
const anyText = fc.string({
  unit: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\ud800', '\udc00')),
})

describe('lengths in UTF-8', () => {
  it('are those of the encoder, for half surrogate pairs too', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: -3, max: 3 }), (text, more) => {
        expect(fitsUtf8(text, bytes(text) + more)).toBe(more >= 0)
      }),
    )
  })

  it('a cut keeps as much as fits and splits no character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat({ max: 40 }), (text, bytesMax) => {
        const kept = cutUtf8(text, bytesMax)
        const next = [...text.slice(kept.length)][0] ?? ''
        expect(text.startsWith(kept)).toBe(true)
        expect(bytes(kept)).toBeLessThanOrEqual(bytesMax)
        expect(kept === text || bytes(kept + next) > bytesMax).toBe(true)
        expect(kept).not.toMatch(/\p{Cs}/u)
      }),
    )
  })
})
