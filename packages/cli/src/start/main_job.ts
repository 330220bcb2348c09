import type { Rpc } from '@cogo/client/rpc.ts';
import type { Keys, StackFile } from '@cogo/client/stack_file.ts';
import type { Run } from '../command.ts';
import { indexWithProgress } from '../commands/index_repo.ts';
import { buildLines, eventText } from '../commands/jobs/words.ts';
import { CommandError } from '../command_error.ts';
import { askChat, type ChatAnswer } from '../session/chat.ts';
import { citationLines } from '../session/citations.ts';
import type { Project } from '../session/connect.ts';
import { enqueueOne, followJob, jobOutcome, type JobStatus } from '../session/jobs.ts';

export interface MainJob {
  stack: StackFile;
  keys: Keys;
  rpc: Rpc;
  project: Project;
  token: string;
  folder: string;
  repo: string;
  /** Asked in this order until one has a grounded answer. */
  questions: string[];
  signal: AbortSignal;
}

export interface MainJobReport {
  timings: { index: number; answer: number; first_token: number; job: number };
  index: {
    repo: string;
    files: number;
    chunks: number;
    unchanged: number;
    skipped: number;
    generation?: number;
    commit?: string;
  };
  answer: { question: string } & Pick<ChatAnswer, 'text' | 'citations' | 'refused' | 'trace_id'>;
  job: {
    job_id: string;
    type: string;
    state: string;
    exit_code: number | null;
    result: JobStatus['result'];
    error?: unknown;
  };
}

const JOB_TYPE = 'code.build.test';

/** Indexes the repository, asks the question, has the worker build and test. Throws CommandError. */
export async function runMainJob(run: Run, o: MainJob): Promise<MainJobReport> {
  const { rpc, signal } = o;
  let began = performance.now();
  const lap = () => {
    const ms = Math.round(performance.now() - began);
    began = performance.now();
    return ms;
  };
  const report = await indexWithProgress({
    root: o.folder,
    repo: o.repo,
    projectId: o.project.id,
    rpc,
    signal,
    progress: run.progress,
  });
  for (const { path, why } of report.warnings.slice(0, 5))
    run.progress.line(`  warning: ${path ? `${path}: ` : ''}${why}`);
  const index = lap();

  // The build runs while the question is answered: different processes, and the answer is what a person waits for.
  const jobId = await enqueueOne(rpc, o.project.id, { type: JOB_TYPE, payload: { repo_path: o.folder } });
  const queued = performance.now();
  began = queued;
  let firstToken = 0;
  let question = '';
  let answer: ChatAnswer | undefined;
  for (question of o.questions) {
    run.say(`\n? ${question}\n\n`);
    answer = await askChat({
      functions: o.stack.urls.functions,
      apikey: o.keys.publishable_key,
      token: o.token,
      projectId: o.project.id,
      question,
      repo: o.repo,
      signal,
      onToken: (text) => {
        firstToken ||= Math.round(performance.now() - began);
        run.say(text);
      },
    });
    if (!answer.refused) break;
    run.say('\n');
  }
  if (!answer) throw new CommandError({ code: 'bad_request', what: 'There is no question to ask.', exit: 2 });
  const answered = lap();
  run.say(`\n\n${citationLines(answer.citations).join('\n')}\n\n`);

  const step = run.progress.step(`${JOB_TYPE} by cogo-work`);
  const status = await followJob(rpc, jobId, {
    signal,
    onStatus: (now) => step.update(now.state),
    onEvent: (event) => step.update(`${event.kind} ${eventText(event).slice(0, 80)}`),
  }).catch((error: unknown) => {
    step.fail();
    throw error;
  });
  const outcome = jobOutcome(status);
  const jobMs = Math.round(performance.now() - queued);
  if (outcome.state === 'succeeded') step.done(`exit code ${outcome.exit_code}`, jobMs);
  else step.fail(`${outcome.state}, exit code ${outcome.exit_code ?? 'none'} (${jobId})`);
  for (const line of buildLines(status)) run.progress.line(line);

  const { files, chunks, unchanged, skipped, generation, commit } = report;
  return {
    timings: { index, answer: answered, first_token: firstToken, job: jobMs },
    index: {
      repo: o.repo,
      files,
      chunks,
      unchanged,
      skipped: skipped.length,
      ...(generation === undefined ? {} : { generation }),
      ...(commit ? { commit } : {}),
    },
    answer: {
      question,
      text: answer.text,
      citations: answer.citations,
      refused: answer.refused,
      trace_id: answer.trace_id,
    },
    job: {
      job_id: jobId,
      type: JOB_TYPE,
      ...outcome,
      result: status.result ?? null,
      ...(status.error ? { error: status.error } : {}),
    },
  };
}
