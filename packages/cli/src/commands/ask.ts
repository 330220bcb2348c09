import type { Command } from 'commander';
import { addCommand, type Host } from '../command.ts';
import { CommandError } from '../command_error.ts';
import { wholeNumber } from '../numbers.ts';
import { askChat } from '../session/chat.ts';
import { citationLines } from '../session/citations.ts';
import { openTarget, withTarget, type TargetOption } from '../session/target.ts';

/** `cogo ask Q`: the chat function's cited answer, as it streams. */
export function registerAsk(host: Host, root: Command): void {
  addCommand<TargetOption & { repo?: string; k?: number }>(host, root, {
    name: 'ask <question...>',
    about: 'ask a question about the indexed code; the answer cites its sources',
    after: 'Exits 2 when the evidence holds no answer.',
    options: (command) =>
      withTarget(command)
        .option('--repo <name>', 'only this repository')
        .option('--k <n>', 'how many places to read', wholeNumber(1, 50)),
    action: async (run, options, words) => {
      const question = words.join(' ').trim();
      if (question === '') {
        throw new CommandError({
          code: 'bad_request',
          what: 'The question is empty.',
          todo: "ask something: cogo ask 'how is a token revoked?'",
          exit: 2,
        });
      }
      const target = await openTarget(run, options);
      const project = await target.project();
      const token = await target.token(project);
      const answer = await askChat({
        functions: target.functions,
        apikey: target.apikey,
        ...(token ? { token } : {}),
        projectId: project.id,
        question,
        ...(options.repo ? { repo: options.repo } : {}),
        ...(options.k ? { k: options.k } : {}),
        signal: run.io.signal,
        onToken: (text) => run.say(text),
      });
      run.say('\n');
      if (answer.degraded)
        run.io.stderr.write(`warning: searched by words only: ${answer.degraded.message}\n`);
      const text = citationLines(answer.citations).join('\n');
      return {
        json: { ok: true, ...answer },
        ...(text ? { text: `\n${text}` } : {}),
        exit: answer.refused ? 2 : 0,
      };
    },
  });
}
