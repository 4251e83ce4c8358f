// What the ledger's own processes record of how far they have come.

/** Each follow-up that an event below this position asked for has been enqueued (C9). */
export type FollowUpsDone = Readonly<{ type: 'FollowUpsDone'; position: number }>

export type ProcessEvent = FollowUpsDone
