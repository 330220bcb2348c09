import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findDataDir, readKeys, type Keys, type StackFile } from '@cogo/client/stack_file.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import type { Command } from 'commander';
import { addCommand, DEFAULT_PROJECT, type Host, type Outcome, type Run } from '../command.ts';
import { asCommandError, CommandError, errorDocument, interrupted } from '../command_error.ts';
import { ensureProject } from '../session/connect.ts';
import { stackState } from '../session/running.ts';
import { ownToken } from '../session/saved_tokens.ts';
import { urlLines } from '../session/url_lines.ts';
import { showMessages } from './up.ts';
import { stackRequest, withStack, type StackCliOptions } from '../stack_run/stack_options.ts';
import { stepProgress } from '../stack_run/step_progress.ts';
import { spawnUp } from '../stack_run/up_process.ts';
import { cogoCommand, curlLines, quote } from '../start/curl_lines.ts';
import { runMainJob } from '../start/main_job.ts';
import { defaultQuestions } from '../start/question.ts';
import { unwrap } from '../unwrap.ts';
import { repoName, repositoryFolder } from './index_repo.ts';

type Options = StackCliOptions & { repo?: string; question?: string; once?: boolean; json?: string };

/** `cogo start` (`npm start`): the stack, and the main job on a repository. */
export function registerStart(host: Host, root: Command): void {
  addCommand<Options>(host, root, {
    name: 'start',
    about: 'start everything, index a repository, ask a question about it, build and test it',
    after: [
      'The stack stays up until Ctrl-C, unless --once. A stack that already runs here is used and left running.',
      'A build or test that fails is reported and is no failure of this command.',
    ].join('\n'),
    options: (command) =>
      withStack(command)
        .option('--repo <path>', 'the repository (default: this folder)')
        .option('--question <text>', 'the question (default: what the repository is)')
        .option('--once', 'stop everything and exit after the summary')
        .option(
          '--json <file>',
          'write the summary as JSON to this file; - prints it and nothing else on stdout',
        ),
    action: async (run, options) => {
      const out = options.json;
      try {
        return await start(run, options);
      } catch (error) {
        const failed = asCommandError(error);
        if (out && out !== '-')
          await writeSummary(resolve(run.io.cwd, out), errorDocument(failed)).catch(() => {});
        throw failed;
      }
    },
  });
}

async function start(run: Run, options: Options): Promise<Outcome> {
  const { io, progress } = run;
  const folder = await repositoryFolder(resolve(io.cwd, options.repo ?? '.'));
  const repo = repoName(folder);
  const asked = options.question?.trim();
  const questions = asked ? [asked] : defaultQuestions(folder, repo);
  const place = await openStack(run, { ...options, allowRepo: [folder] });
  try {
    const { dir, stack, keys, rpc } = place;
    const project = await ensureProject(rpc, options.project);
    const token = await ownToken(rpc, dir, project);
    const job = await race(
      place.ended,
      runMainJob(run, { stack, keys, rpc, project, token, folder, repo, questions, signal: io.signal }),
      io.signal,
    );
    const summary = {
      ok: true,
      timings: { ...place.timings, ...job.timings },
      index: job.index,
      answer: job.answer,
      job: job.job,
      urls: withoutDatabase(stack),
      project: { id: project.id, slug: project.slug },
    };
    if (options.json && options.json !== '-') await writeSummary(resolve(io.cwd, options.json), summary);
    const found = dir === findDataDir(io.cwd);
    const curl = curlLines({
      functions: stack.urls.functions,
      projectId: project.id,
      question: job.answer.question,
      repo,
      cogo: cogoCommand(io.cwd),
      dataArgument: found ? '' : ` --data ${quote(dir)}`,
      project: options.project === DEFAULT_PROJECT ? DEFAULT_PROJECT : options.project,
    });
    run.say(
      `\n${urlLines(stack)}\n\nAsk it yourself, as JSON:\n  ${curl.json}\n\nand as a stream:\n  ${curl.sse}\n`,
    );
    if (options.once) return { json: summary };
    if (!place.started) {
      run.say('\nThe stack was running before and goes on running.\n');
      return { json: summary };
    }
    // The document goes out now: its reader need not wait for Ctrl-C.
    if (run.json) io.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
    run.say('\nPress Ctrl-C to stop everything.\n');
    await race(place.ended, untilAborted(io.signal), io.signal);
    return { json: undefined, exit: 130 };
  } finally {
    if (place.started) {
      const step = progress.step('stop');
      await place.stop();
      step.done();
    }
  }
}

interface Place {
  dir: string;
  stack: StackFile;
  keys: Keys;
  rpc: Rpc;
  timings: Record<string, number>;
  /** False: it was running before, and stays. */
  started: boolean;
  ended: Promise<void>;
  stop(): Promise<void>;
}

async function openStack(run: Run, options: Options): Promise<Place> {
  const request = stackRequest(run.io, options);
  const { dir } = request;
  const { dataApiRpc } = await import('@cogo/client/data_api_rpc.ts');
  const open = (stack: StackFile) => {
    const keys = unwrap(readKeys(dir), 'read the keys of the stack');
    return { dir, stack, keys, rpc: dataApiRpc({ url: stack.urls.gateway, apikey: keys.secret_key }) };
  };
  const running = stackState(dir);
  if (running.state === 'running') {
    run.progress.line(`Using the stack that runs here (pid ${running.stack.pid}).`);
    return {
      ...open(running.stack),
      timings: {},
      started: false,
      ended: new Promise(() => {}),
      stop: async () => {},
    };
  }
  const onStep = stepProgress(run.progress);
  const up = await spawnUp(request, {
    onMessage: showMessages(run, onStep),
    signal: run.io.signal,
    detached: false,
  });
  const { total, ...steps } = up.timings;
  return {
    ...open(up.stack),
    timings: { ...steps, start: total ?? 0 },
    started: true,
    ended: up.ended,
    stop: up.stop,
  };
}

/** The work, unless the stack ends under it. */
async function race<T>(ended: Promise<void>, work: Promise<T>, signal: AbortSignal): Promise<T> {
  const lost = ended.then(() => {
    if (signal.aborted) throw interrupted();
    throw new CommandError({
      code: 'unavailable',
      what: 'The stack has ended.',
      todo: 'see `cogo logs gateway`; start it again',
    });
  });
  return Promise.race([work, lost]);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** The addresses for the summary; the database's holds a password and is left out. */
function withoutDatabase(stack: StackFile): Record<string, string> {
  const { gateway, functions, studio, dashboard } = stack.urls;
  return { gateway, functions, studio, ...(dashboard ? { dashboard } : {}) };
}

async function writeSummary(file: string, summary: unknown): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(summary, null, 2)}\n`);
  } catch (error) {
    throw new CommandError({
      code: 'bad_request',
      what: `The summary could not be written to ${file}.`,
      why: (error as Error).message,
      todo: `give a file in a folder that exists, for example --json ${join('.', 'out.json')}`,
      exit: 2,
    });
  }
}
