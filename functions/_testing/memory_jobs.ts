// The verbs of jobs that the function uses, in memory, with the SQL's shapes and refusals.
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import { err } from '@cogo/spec/result.ts';
import type { FakeFunction } from '../_shared/testing.ts';

interface MemoryJob {
  job_id: string;
  project_id: string;
  type: string;
  state: string;
  attempt: number;
  created_at: string;
  trace_id: string | null;
  result: unknown;
  children_cancelled?: unknown;
}

export interface MemoryJobs {
  functions: Record<string, FakeFunction>;
  jobs: Map<string, MemoryJob>;
  /** Adds an event, as the worker's verbs do. */
  event: (jobId: string, kind: string, data?: unknown) => void;
}

export function memoryJobs(): MemoryJobs {
  const jobs = new Map<string, MemoryJob>();
  const batches = new Map<string, number>();
  const events = new Map<string, { id: number; kind: string; data: unknown; at: string }[]>();
  // Ids are those of the whole table: others' events lie between.
  let ids = 100;
  const event = (jobId: string, kind: string, data: unknown = {}) => {
    ids += 7;
    events.get(jobId)!.push({ id: ids, kind, data, at: '2026-01-01T00:00:00+00:00' });
  };
  const known =
    (answer: (job: MemoryJob, args: Record<string, unknown>) => unknown): FakeFunction =>
    (args) => {
      const job = jobs.get(String(args['job_id']));
      return job ? answer(job, args) : err(cogoError('not_found', 'no such job', { sqlstate: 'CG003' }));
    };
  return {
    jobs,
    event,
    functions: {
      enqueue: (args) => {
        const wanted = args['jobs'] as { type: string; trace_id?: string; payload?: unknown }[];
        const refusal = refusalOf(wanted);
        if (refusal) return err(refusal);
        const batch_id = args['batch'] ? crypto.randomUUID() : undefined;
        if (batch_id) batches.set(batch_id, wanted.length);
        return wanted.map(({ type, trace_id }) => {
          const job_id = crypto.randomUUID();
          jobs.set(job_id, {
            job_id,
            project_id: String(args['project_id']),
            type,
            state: 'queued',
            attempt: 0,
            created_at: '2026-01-01T00:00:00+00:00',
            trace_id: trace_id ?? null,
            result: null,
          });
          events.set(job_id, []);
          event(job_id, 'job.enqueued', { type });
          return { job_id, state: 'queued', duplicate: false, ...(batch_id ? { batch_id } : {}) };
        });
      },
      list_jobs: (args) =>
        [...jobs.values()].filter(
          (job) =>
            job.project_id === args['project_id'] && (args['state'] === null || job.state === args['state']),
        ),
      job_status: known((job) => job),
      job_events: known((job, args) =>
        events
          .get(job.job_id)!
          .filter((item) => item.id > Number(args['after_id']))
          .slice(0, Number(args['lim'])),
      ),
      list_dead: (args) =>
        [...jobs.values()]
          .filter((job) => job.project_id === args['project_id'] && job.state === 'dead')
          .map(({ job_id, type, created_at }) => ({
            job_id,
            type,
            reason: 'exhausted_retries',
            error: null,
            at: created_at,
            redriven_to: null,
          })),
      batch_status: ({ batch_id }) =>
        batches.has(String(batch_id))
          ? {
              batch_id,
              name: null,
              jobs: batches.get(String(batch_id)),
              states: { queued: batches.get(String(batch_id)) },
              done: false,
              created_at: '2026-01-01T00:00:00+00:00',
            }
          : err(cogoError('not_found', 'no such batch', { sqlstate: 'CG003' })),
      job_detail: known(() => ({ attempts: [], steps: [], children: [] })),
      cancel: known((job, args) => {
        job.children_cancelled = args['children'];
        if (job.state === 'succeeded')
          return err(cogoError('illegal_transition', 'the job is succeeded already'));
        job.state = 'cancelled';
        event(job.job_id, 'job.cancelled');
        return { job_id: job.job_id, state: job.state, cancel_requested: true };
      }),
      redrive: known((job) => {
        if (job.state !== 'dead') return err(cogoError('illegal_transition', 'only a dead job is redriven'));
        return { job_id: crypto.randomUUID(), state: 'queued', duplicate: false, redriven_from: job.job_id };
      }),
    },
  };
}

/** The SQL's own refusals: type, size, and a project that is full. */
function refusalOf(jobs: { type: string; payload?: unknown }[]): CogoError | undefined {
  if (jobs.some(({ payload }) => JSON.stringify(payload ?? {}).length > 131_072)) {
    return cogoError('payload_too_large', 'jobs[0]: the payload is too large', { sqlstate: 'CG005' });
  }
  if (jobs.some(({ type }) => type === 'make.coffee')) {
    return cogoError('validation_failed', 'jobs[0]: type is not known', { sqlstate: 'CG004' });
  }
  return jobs.some(({ type }) => type === 'quality.flood')
    ? cogoError('quota_exceeded', 'the project has 5 jobs waiting, of at most 5', { sqlstate: 'CG024' })
    : undefined;
}
