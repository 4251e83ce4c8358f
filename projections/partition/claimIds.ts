// Which leases a claim id was given, so that a claim whose reply was lost is answered the same way again (R28).

/** Claim ids remembered; the oldest goes first. A repeat comes within seconds, so this covers thousands of workers. */
const CLAIM_IDS_MAX = 16_384

export type ClaimedLease = Readonly<{ ordinal: number; fence: number }>

export class ClaimIds {
  private readonly leases = new Map<string, ClaimedLease[]>()

  add(claimId: string, ordinal: number, fence: number): void {
    const known = this.leases.get(claimId)
    if (known !== undefined) {
      known.push({ ordinal, fence })
      return
    }
    if (this.leases.size >= CLAIM_IDS_MAX) {
      for (const oldest of this.leases.keys()) {
        this.leases.delete(oldest)
        break
      }
    }
    this.leases.set(claimId, [{ ordinal, fence }])
  }

  find(claimId: string): ReadonlyArray<ClaimedLease> | undefined {
    return this.leases.get(claimId)
  }

  list(): ReadonlyArray<readonly [claimId: string, leases: ReadonlyArray<ClaimedLease>]> {
    return [...this.leases]
  }
}
