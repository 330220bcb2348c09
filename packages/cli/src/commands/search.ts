import { Option, type Command } from 'commander';
import { addCommand, type Host } from '../command.ts';
import { wholeNumber } from '../numbers.ts';
import { questionVectorHere } from '../session/embedders.ts';
import { openTarget, withTarget, type TargetOption } from '../session/target.ts';
import { signalLine } from '../signals.ts';
import { unwrap } from '../unwrap.ts';

type Options = TargetOption & {
  limit: number;
  strategy: string;
  repo?: string;
  path?: string;
  explain?: boolean;
};

/** `cogo search Q`: chunks of the index that match, best first. */
export function registerSearch(host: Host, root: Command): void {
  addCommand<Options>(host, root, {
    name: 'search <question...>',
    about: 'find the places in the indexed code that answer a question',
    after: 'Exits 2 when nothing is found.',
    options: (command) =>
      withTarget(command)
        .option('--limit <n>', 'at most so many results', wholeNumber(1, 50), 8)
        .addOption(
          new Option('--strategy <name>', 'how to search')
            .choices(['auto', 'lexical', 'vector', 'hybrid'])
            .default('auto'),
        )
        .option('--repo <name>', 'only this repository')
        .option('--path <prefix>', 'only paths that begin so')
        .option('--explain', 'show how the question was read and the signals behind each score'),
    action: async (run, options, words) => {
      const target = await openTarget(run, options);
      const project = await target.project();
      const { search } = await import('@cogo/knowledge/answer/search.ts');
      const found = unwrap(
        await search({
          rpc: target.rpc,
          projectId: project.id,
          q: words.join(' '),
          limit: options.limit,
          strategy: options.strategy as 'auto',
          filter: {
            ...(options.repo ? { repo: options.repo } : {}),
            ...(options.path ? { path_prefix: options.path } : {}),
          },
          explain: options.explain ?? false,
          questionVector: questionVectorHere(run.io),
          signal: run.io.signal,
        }),
        'search',
      );
      if (found.degraded) run.io.stderr.write(`warning: searched by words only: ${found.degraded.message}\n`);
      const text = found.items
        .map((item, at) => {
          const name = item.symbol ?? item.heading ?? item.kind;
          const signals = options.explain && item.signals ? `\n   ${signalLine(item.signals)}` : '';
          return `${at + 1}. ${item.path}:${item.start_line}-${item.end_line}  ${name}  ${item.score.toFixed(3)}${signals}\n${excerpt(item.text)}`;
        })
        .join('\n');
      const none = found.items.length === 0;
      const how = `read as ${found.route}, searched ${SEARCHED[found.strategy]}, generation ${found.generation ?? 'none'}, ${Math.round(found.took_ms)} ms in the database`;
      return {
        json: { ok: true, ...found },
        text: `${options.explain ? `${how}\n` : ''}${none ? 'Nothing found.' : text}`,
        exit: none ? 2 : 0,
      };
    },
  });
}

const SEARCHED = { lexical: 'by words', vector: 'by vectors', hybrid: 'by words and vectors' } as const;

const EXCERPT_LINES = 4;

function excerpt(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, EXCERPT_LINES)
    .map((line) => `   │ ${line}`)
    .join('\n');
}
