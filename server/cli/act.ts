import type { CommandSyntax } from './args.ts'
import { usage } from './args.ts'
import { type CliCommand, exitCodes } from './io.ts'
import { readProposal, statusLine } from './proposal-report.ts'
import { runCommand, show } from './run-command.ts'

type Action = 'approve' | 'reject' | 'pause' | 'resume' | 'abort'

const summaries: Readonly<Record<Action, string>> = {
  approve: 'Gives the approval a proposal waits for. Its author cannot.',
  reject: 'Ends a proposal for good; live traffic on its version goes back at once.',
  pause: 'Stops a proposal from advancing; it is still rolled back when its evidence turns bad.',
  resume: 'Lets a paused proposal advance again.',
  abort: 'Withdraws a proposal; live traffic on its version goes back at once.',
}

/** A judgement must be explained; stopping and going on may be. */
const needsReason: readonly Action[] = ['approve', 'reject']

function syntaxOf(action: Action): CommandSyntax {
  const isNeeded = needsReason.includes(action)
  return {
    name: action,
    summary: summaries[action],
    words: ['ID'],
    flags: { reason: { value: 'TEXT', summary: `why, kept in the audit log${isNeeded ? ' (needed)' : ''}` } },
    examples: [`npx interlock ${action} prop_01hx --reason "read the report, the regressions are typos"`],
  }
}

function actionCommand(action: Action): CliCommand {
  const syntax = syntaxOf(action)
  return (args, io) =>
    runCommand(syntax, args, io, async (invocation) => {
      const reason = invocation.args.flags.get('reason')
      if (reason === undefined && needsReason.includes(action)) throw usage(syntax, '--reason TEXT is missing')
      const id = invocation.args.words[0] ?? ''
      const api = await invocation.connect()
      const answer = await api.call({
        method: 'POST',
        path: `/api/proposals/${encodeURIComponent(id)}/${action}`,
        body: { reason: reason ?? `${action} from the command line` },
      })
      const proposal = readProposal(answer)
      show(invocation, proposal.raw, [statusLine(proposal)])
      return exitCodes.ok
    })
}

/** `interlock approve ID --reason TEXT` */
export const approve = actionCommand('approve')
/** `interlock reject ID --reason TEXT` */
export const reject = actionCommand('reject')
/** `interlock pause ID [--reason TEXT]` */
export const pause = actionCommand('pause')
/** `interlock resume ID [--reason TEXT]` */
export const resume = actionCommand('resume')
/** `interlock abort ID [--reason TEXT]` */
export const abort = actionCommand('abort')
