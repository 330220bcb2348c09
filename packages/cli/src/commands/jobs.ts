import type { Command } from 'commander';
import {
  addCommand,
  addGroup,
  withData,
  withProject,
  type DataOption,
  type Host,
  type ProjectOption,
} from '../command.ts';
import { CommandError } from '../command_error.ts';
import { wholeNumber } from '../numbers.ts';
import { connect, getProject } from '../session/connect.ts';
import { enqueueOne, followJob, jobOutcome, type JobEvent, type JobStatus } from '../session/jobs.ts';
import { table } from '../table.ts';
import { unwrap } from '../unwrap.ts';

/** `cogo jobs list|show|tail|enqueue|cancel|redrive` */
export function registerJobs(host: Host, root: Command): void {
  const jobs = addGroup(root, 'jobs', 'durable jobs');
  addCommand<ProjectOption & { state?: string; limit: number }>(host, jobs, {
    name: 'list',
    about: 'the newest jobs of a project',
    options: (command) =>
      withProject(command)
        .option('--state <state>', 'scheduled, blocked, queued, running, succeeded, cancelled or dead')
        .option('--limit <n>', 'at most so many', wholeNumber(1, 500), 20),
    action: async (run, options) => {
      const session = await connect(run, options);
      const project = await getProject(session, options);
      const rows = unwrap(
        await session.rpc.call<JobStatus[]>('list_jobs', {
          project_id: project.id,
          state: options.state ?? null,
          lim: options.limit,
        }),
        'list the jobs',
      );
      const text = table(
        ['JOB', 'STATE', 'CREATED', 'TYPE'],
        rows.map((row) => [row.job_id, row.state, row.created_at ?? '–', row.type]),
      );
      return { json: { ok: true, jobs: rows }, text: rows.length > 0 ? text : 'No jobs.' };
    },
  });
  addCommand<DataOption>(host, jobs, {
    name: 'show <job>',
    about: 'one job: state, result, error',
    options: withData,
    action: async (run, options, [id]) => {
      const { rpc } = await connect(run, options);
      const job = unwrap(await rpc.call<JobStatus>('job_status', { job_id: id }), 'read the job');
      return { json: { ok: true, job }, text: JSON.stringify(job, null, 2) };
    },
  });
  addCommand<DataOption>(host, jobs, {
    name: 'tail <job>',
    about: 'follow a job until it ends; exits 1 when it did not succeed',
    options: withData,
    action: async (run, options, [id]) => {
      const { rpc } = await connect(run, options);
      const onEvent = (event: JobEvent) => run.say(`${event.at}  ${event.kind}  ${eventText(event)}\n`);
      const job = await followJob(rpc, id!, { signal: run.io.signal, onEvent });
      const outcome = jobOutcome(job);
      return {
        json: { ok: outcome.state === 'succeeded', job },
        text: `${id} ${outcome.state}`,
        exit: outcome.state === 'succeeded' ? 0 : 1,
      };
    },
  });
  addCommand<ProjectOption & { payload?: string; key?: string; wait?: boolean }>(host, jobs, {
    name: 'enqueue <type>',
    about: 'put a job in the queue of its executor',
    after: `Example: cogo jobs enqueue code.build.test --payload '{"repo_path":"/home/me/app"}' --wait`,
    options: (command) =>
      withProject(command)
        .option('--payload <json>', 'its input, a JSON object')
        .option('--key <key>', 'the same key enqueues it once')
        .option('--wait', 'wait for its end'),
    action: async (run, options, [type]) => {
      const payload = parsePayload(options.payload ?? '{}');
      const session = await connect(run, options);
      const project = await getProject(session, options);
      const job = { type, payload, ...(options.key ? { key: options.key } : {}) };
      const id = await enqueueOne(session.rpc, project.id, job);
      if (!options.wait) return { json: { ok: true, job_id: id }, text: id };
      const step = run.progress.step(`job ${type}`);
      const status = await followJob(session.rpc, id, {
        signal: run.io.signal,
        onStatus: (now) => step.update(now.state),
      });
      const outcome = jobOutcome(status);
      step.done(outcome.state);
      return {
        json: { ok: outcome.state === 'succeeded', job: status },
        text: `${id} ${outcome.state}`,
        exit: outcome.state === 'succeeded' ? 0 : 1,
      };
    },
  });
  for (const [verb, about, said] of [
    ['cancel', 'cancel a job; a running one is told at its next beat', 'Cancelled'],
    ['redrive', 'run a dead job again, as a new job linked to it', 'Redriven'],
  ] as const) {
    addCommand<DataOption>(host, jobs, {
      name: `${verb} <job>`,
      about,
      options: withData,
      action: async (run, options, [id]) => {
        const { rpc } = await connect(run, options);
        const job = unwrap(await rpc.call<JobStatus>(verb, { job_id: id }), `${verb} the job`);
        return { json: { ok: true, job }, text: `${said} ${job.job_id ?? id}: ${job.state}` };
      },
    });
  }
}

/** The payload of `--payload`. Throws when it is no JSON object. */
export function parsePayload(text: string): Record<string, unknown> {
  let value: unknown;
  let why = 'it is JSON, but not an object';
  try {
    value = JSON.parse(text);
  } catch (error) {
    why = (error as Error).message;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new CommandError({
    code: 'invalid_json',
    what: 'The payload cannot be used.',
    why,
    todo: `give a JSON object in single quotes: --payload '{"repo_path":"…"}'`,
    exit: 2,
  });
}

/** An event's data in one line: its message where it has one. */
export function eventText(event: JobEvent): string {
  const data = event.data as { message?: unknown; log?: unknown; line?: unknown } | null;
  const said = data?.message ?? data?.log ?? data?.line;
  const text = typeof said === 'string' ? said : JSON.stringify(event.data ?? null);
  return text.replace(/\s*\n\s*/g, ' ⏎ ').trim();
}
