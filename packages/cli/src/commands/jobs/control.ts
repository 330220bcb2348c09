import { Option, type Command } from 'commander';
import type { Rpc } from '@cogo/client/rpc.ts';
import type { CogoError } from '@cogo/spec/errors.ts';
import { DEAD_REASONS } from '@cogo/spec/jobs.ts';
import {
  addCommand,
  withData,
  withProject,
  type DataOption,
  type Host,
  type Outcome,
  type ProjectOption,
  type Run,
} from '../../command.ts';
import { CommandError, interrupted } from '../../command_error.ts';
import { wholeNumber } from '../../numbers.ts';
import { connect, getProject } from '../../session/connect.ts';
import type { DeadLetter } from '../../session/jobs.ts';
import { table } from '../../table.ts';
import { unwrap } from '../../unwrap.ts';
import { jobId } from './job_id.ts';
import { span } from './words.ts';

interface Changed {
  job_id: string;
  state: string;
  cancel_requested?: boolean;
  duplicate?: boolean;
  redriven_from?: string;
}

interface DeadFilter {
  reason?: string;
  type?: string;
  limit: number;
}

/** `cogo jobs cancel|redrive|dead` */
export function registerControl(host: Host, jobs: Command): void {
  addCommand<DataOption>(host, jobs, {
    name: 'cancel <job...>',
    about: 'cancel jobs; a running one is told at its next beat',
    options: withData,
    action: async (run, options, ids) => {
      const { rpc } = await connect(run, options);
      return changeEach(run, rpc, 'cancel', ids, (job) =>
        job.state === 'cancelled' ? 'cancelled' : `${job.state}, asked to stop`,
      );
    },
  });
  addCommand<ProjectOption & DeadFilter & { all?: boolean }>(host, jobs, {
    name: 'redrive [job...]',
    about: 'run dead jobs again, each as a new job linked to it',
    after:
      'Examples:\n  cogo jobs redrive 0199…\n  cogo jobs redrive --all --reason dependency_unavailable --limit 100',
    options: (command) =>
      withFilter(withProject(command)).option('--all', 'those that --reason, --type and --limit name'),
    action: async (run, options, ids) => {
      if (ids.length > 0 === (options.all ?? false)) {
        throw new CommandError({
          code: 'bad_request',
          what: 'It is not clear which jobs to run again.',
          why: ids.length > 0 ? 'jobs and --all were both given' : 'neither a job nor --all was given',
          todo: 'name jobs (cogo jobs dead lists them), or use --all with --reason or --type',
          exit: 2,
        });
      }
      const session = await connect(run, options);
      const chosen = options.all
        ? (await deadLetters(session.rpc, (await getProject(session, options)).id, options))
            .filter((letter) => !letter.redriven_to)
            .map((letter) => letter.job_id)
        : ids;
      if (chosen.length === 0)
        return { json: { ok: true, jobs: [], failed: [] }, text: 'Nothing to redrive.' };
      return changeEach(run, session.rpc, 'redrive', chosen, (job) =>
        job.duplicate ? `was redriven before, as ${job.job_id}` : `${job.state} as ${job.job_id}`,
      );
    },
  });
  addCommand<ProjectOption & DeadFilter>(host, jobs, {
    name: 'dead',
    about: 'the dead letters of a project, newest first',
    after: 'Run them again with: cogo jobs redrive',
    options: (command) => withFilter(withProject(command)),
    action: async (run, options) => {
      const session = await connect(run, options);
      const project = await getProject(session, options);
      const letters = await deadLetters(session.rpc, project.id, options);
      const text = table(
        ['JOB', 'REASON', 'TYPE', 'FAILED', 'DIED', 'REDRIVEN TO', 'ERROR'],
        letters.map((letter) => [
          letter.job_id,
          letter.reason,
          letter.type,
          `${letter.failures}${letter.lease_losses > 0 ? `+${letter.lease_losses} lost` : ''}`,
          `${span(letter.at, Date.now())} ago`,
          letter.redriven_to ?? '–',
          (letter.error?.message ?? letter.error?.code ?? '–').replace(/\s*\n\s*/g, ' ⏎ ').slice(0, 200),
        ]),
      );
      return { json: { ok: true, dead: letters }, text: letters.length > 0 ? text : 'No dead letters.' };
    },
  });
}

function withFilter(command: Command): Command {
  return command
    .addOption(new Option('--reason <reason>', 'only jobs that died of it').choices([...DEAD_REASONS]))
    .option('--type <type>', 'only jobs of this type')
    .option('--limit <n>', 'at most so many', wholeNumber(1, 500), 50);
}

async function deadLetters(rpc: Rpc, projectId: string, filter: DeadFilter): Promise<DeadLetter[]> {
  return unwrap(
    await rpc.call<DeadLetter[]>('list_dead', {
      project_id: projectId,
      reason: filter.reason ?? null,
      type: filter.type ?? null,
      lim: filter.limit,
    }),
    'list the dead letters',
  );
}

/**
 * One call a job. One job that can't be changed is an error as of any command; of several, those that can are changed, each line
 * says what became of it, and it exits 1.
 */
async function changeEach(
  run: Run,
  rpc: Rpc,
  verb: 'cancel' | 'redrive',
  ids: string[],
  said: (job: Changed) => string,
): Promise<Outcome> {
  const changed: Changed[] = [];
  const failed: { job_id: string; error: CogoError }[] = [];
  const lines: string[] = [];
  for (const id of new Set(ids.map(jobId))) {
    if (run.io.signal.aborted) throw interrupted();
    const answer = await rpc.call<Changed>(verb, { job_id: id });
    if (ids.length === 1) unwrap(answer, `${verb} the job`);
    if (answer.ok) changed.push(answer.value);
    else failed.push({ job_id: id, error: answer.error });
    lines.push(`${id} ${answer.ok ? said(answer.value) : `${answer.error.message} (${answer.error.code})`}`);
  }
  return {
    json: { ok: failed.length === 0, jobs: changed, failed },
    text: lines.join('\n'),
    exit: failed.length === 0 ? 0 : 1,
  };
}
