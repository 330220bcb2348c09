import type { Command } from 'commander';
import { addCommand, withProject, type Host, type ProjectOption } from '../command.ts';
import { wholeNumber } from '../numbers.ts';
import { askChat } from '../session/chat.ts';
import { citationLines } from '../session/citations.ts';
import { connect, getProject } from '../session/connect.ts';
import { ownToken } from '../session/saved_tokens.ts';

/** `cogo ask Q`: the chat function's cited answer, as it streams. */
export function registerAsk(host: Host, root: Command): void {
  addCommand<ProjectOption & { repo?: string; k?: number }>(host, root, {
    name: 'ask <question...>',
    about: 'ask a question about the indexed code; the answer cites its sources',
    after: 'Exits 2 when the evidence holds no answer.',
    options: (command) =>
      withProject(command)
        .option('--repo <name>', 'only this repository')
        .option('--k <n>', 'how many places to read', wholeNumber(1, 50)),
    action: async (run, options, words) => {
      const session = await connect(run, options);
      const project = await getProject(session, options);
      const token = await ownToken(session.rpc, session.dir, project);
      const answer = await askChat({
        functions: session.stack.urls.functions,
        publishableKey: session.keys.publishable_key,
        token,
        projectId: project.id,
        question: words.join(' '),
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
