export const openStatuses = ['queued', 'offline', 'shadow', 'awaiting_approval', 'canary', 'bake'] as const
export const endStatuses = ['promoted', 'rejected', 'failed', 'rolled_back', 'aborted'] as const
export type OpenStatus = (typeof openStatuses)[number]
export type EndStatus = (typeof endStatuses)[number]
export type ProposalStatus = OpenStatus | EndStatus
