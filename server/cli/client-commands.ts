import { abort, approve, pause, reject, resume } from './act.ts'
import { importDataset, importSyntax } from './import-dataset.ts'
import type { CliCommand } from './io.ts'
import { propose, proposeSyntax } from './propose.ts'
import { rollback, rollbackSyntax } from './rollback.ts'
import { status, statusSyntax } from './status.ts'

export interface ListedCommand {
  /** What the overview of all commands says about it. */
  readonly summary: string
  readonly run: CliCommand
}

/** Every command that talks to a server over its API, by name. */
export const clientCommands: Readonly<Record<string, ListedCommand>> = {
  propose: { summary: proposeSyntax.summary, run: (args, io) => propose(args, io) },
  approve: { summary: 'Gives the approval a proposal waits for.', run: approve },
  reject: { summary: 'Ends a proposal for good.', run: reject },
  pause: { summary: 'Stops a proposal from advancing.', run: pause },
  resume: { summary: 'Lets a paused proposal advance again.', run: resume },
  abort: { summary: 'Withdraws a proposal.', run: abort },
  rollback: { summary: rollbackSyntax.summary, run: rollback },
  import: { summary: importSyntax.summary, run: importDataset },
  status: { summary: statusSyntax.summary, run: (args, io) => status(args, io) },
}
