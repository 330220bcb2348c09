import {
  cancelJob,
  enqueueJobs,
  getBatch,
  getJob,
  getJobDetail,
  getJobEvents,
  listDeadJobs,
  listJobs,
  redriveJob,
  type Job,
} from '@cogo/spec/schemas/jobs.ts';
import { rpcDispatcher } from '@cogo/worker/dispatch/dispatcher.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';
import { followJob, type JobEvent, resumePoint } from './follow_job.ts';

/** A full project is not emptied within a second. */
const QUOTA_RETRY_S = '10';

export function makeApp(deps: GivenDeps = {}): CogoApp {
  return createApp({ name: 'jobs', deps })
    .route(enqueueJobs, async (ctx) => {
      const { project_id, batch } = ctx.body;
      // A job without a trace of its own goes on in the trace of the request that made it.
      const jobs = ctx.body.jobs.map((job) => ({ ...job, trace_id: job.trace_id ?? ctx.traceId }));
      const made = await rpcDispatcher(ctx.db).enqueue(project_id, jobs, { batch, signal: ctx.signal });
      if (!made.ok) {
        const full = made.error.code === 'quota_exceeded';
        return ctx.failWith(made.error, full ? { headers: { 'retry-after': QUOTA_RETRY_S } } : {});
      }
      const only = made.value.length === 1 ? made.value[0] : undefined;
      return ctx.ok(
        { jobs: made.value },
        { status: 202, ...(only ? { headers: { location: `/functions/v1/jobs/${only.job_id}` } } : {}) },
      );
    })
    .route(listJobs, async (ctx) => {
      const { project_id, state, limit } = ctx.query;
      const args = { project_id, state: state ?? null, lim: limit };
      const found = await ctx.db.call<Job[]>('list_jobs', args, { signal: ctx.signal });
      return found.ok ? ctx.ok({ jobs: found.value }) : ctx.failWith(found.error);
    })
    .route(listDeadJobs, async (ctx) => {
      const { project_id, reason, type, limit } = ctx.query;
      const args = { project_id, reason: reason ?? null, type: type ?? null, lim: limit };
      const found = await ctx.db.call<unknown[]>('list_dead', args, { signal: ctx.signal });
      return found.ok ? ctx.ok({ dead: found.value }) : ctx.failWith(found.error);
    })
    .route(getBatch, async (ctx) => {
      const { batch_id } = ctx.params;
      const found = await ctx.db.call<unknown>('batch_status', { batch_id }, { signal: ctx.signal });
      return found.ok ? ctx.ok({ batch: found.value }) : ctx.failWith(found.error);
    })
    .route(getJobDetail, async (ctx) => {
      const { job_id } = ctx.params;
      const found = await ctx.db.call<Record<string, unknown>>(
        'job_detail',
        { job_id },
        { signal: ctx.signal },
      );
      return found.ok ? ctx.ok(found.value) : ctx.failWith(found.error);
    })
    .route(getJob, async (ctx) => {
      const found = await ctx.db.call<Job>(
        'job_status',
        { job_id: ctx.params.job_id },
        { signal: ctx.signal },
      );
      return found.ok ? ctx.ok({ job: found.value }) : ctx.failWith(found.error);
    })
    .route(getJobEvents, async (ctx) => {
      const { job_id } = ctx.params;
      const after = resumePoint(ctx.lastEventId, ctx.query.after);
      const job = await ctx.db.call<Job>('job_status', { job_id }, { signal: ctx.signal });
      if (!job.ok) return ctx.failWith(job.error);
      if (ctx.wantsStream) {
        const { body, options } = followJob(ctx, job_id, after);
        return ctx.sse(body, options);
      }
      const events = await ctx.db.call<JobEvent[]>(
        'job_events',
        { job_id, after_id: after, lim: ctx.query.limit },
        { signal: ctx.signal },
      );
      return events.ok ? ctx.ok({ events: events.value, job: job.value }) : ctx.failWith(events.error);
    })
    .route(cancelJob, async (ctx) => {
      const { job_id } = ctx.params;
      const children = ctx.query.children === 'true';
      const done = await rpcDispatcher(ctx.db).cancel(job_id, { children, signal: ctx.signal });
      return done.ok ? ctx.ok({ job: done.value }) : ctx.failWith(done.error);
    })
    .route(redriveJob, async (ctx) => {
      const { job_id } = ctx.params;
      const done = await rpcDispatcher(ctx.db).redrive(job_id, { signal: ctx.signal });
      return done.ok ? ctx.ok({ job: done.value }) : ctx.failWith(done.error);
    });
}

export const app = makeApp();
