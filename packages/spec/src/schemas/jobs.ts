import { z } from 'zod';
import { DEAD_REASONS, JOB_STATES } from '../jobs.ts';
import { failureEnvelope, success } from '../envelope.ts';
import { operation, type FunctionSpec } from '../operation.ts';
import {
  bigintId,
  doneEvent,
  jobId,
  jsonObject,
  metaEvent,
  projectId,
  queryInteger,
  timestamp,
  traceId,
} from './fields.ts';

export const jobState = z.enum(JOB_STATES);

export const newJob = z.object({
  type: z
    .string()
    .min(1)
    .max(100)
    .regex(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/, 'expected a dotted type such as code.build.test'),
  payload: jsonObject.default({}),
  priority: z.int().min(0).max(2).optional().describe('0 first, 1 unless said, 2 last.'),
  delay_s: z.int().min(0).max(2_592_000).optional(),
  key: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Makes one job for 7 days; again with other input is job_key_reused.'),
  max_attempts: z.int().min(1).max(50).optional(),
  executor: z.enum(['cogo-plan', 'cogo-work']).optional().describe('Lane; that of the type unless said.'),
  pin: z.string().min(1).max(100).optional(),
  concurrency_key: z.string().min(1).max(200).optional(),
  rate_key: z.string().min(1).max(200).optional().describe('Rate to keep to, of the type unless said.'),
  parent_id: jobId.optional(),
  trace_id: traceId.optional(),
});

export const enqueueRequest = z.object({
  project_id: projectId,
  jobs: z.array(newJob).min(1).max(100),
  batch: z
    .object({ id: z.uuid().optional(), name: z.string().min(1).max(200).optional() })
    .optional()
    .describe('{} makes a batch of these jobs, {id} adds them to one.'),
});

export const enqueueResponse = success({
  jobs: z.array(
    z.object({ job_id: jobId, state: z.string(), duplicate: z.boolean(), batch_id: z.uuid().optional() }),
  ),
});

export const job = z.looseObject({
  job_id: jobId,
  type: z.string(),
  state: z.string(),
  attempt: z.int().nonnegative(),
  failures: z.int().nonnegative().optional(),
  lease_losses: z.int().nonnegative().optional(),
  progress: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
  created_at: timestamp,
  started_at: timestamp.nullable().optional(),
  finished_at: timestamp.nullable().optional(),
  trace_id: z.string().nullable().optional(),
  executor_id: z.string().nullable().optional(),
});

export const jobEvent = z.object({ id: bigintId, kind: z.string(), data: z.unknown(), at: timestamp });

const params = z.object({ job_id: jobId });
const listQuery = z.object({
  project_id: projectId,
  state: jobState.optional(),
  limit: queryInteger(1, 200, 50),
});
const eventsQuery = z.object({
  after: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional()
    .describe('Events after this id; a stream takes `Last-Event-ID` first.'),
  limit: queryInteger(1, 500, 200),
});

export const jobsEvents = {
  meta: metaEvent,
  'job.event': jobEvent,
  'job.done': job,
  done: doneEvent,
  error: failureEnvelope,
};

export const enqueueJobs = operation({
  id: 'enqueueJobs',
  method: 'POST',
  path: '/',
  summary: 'Enqueues jobs.',
  auth: 'member',
  body: enqueueRequest,
  response: enqueueResponse,
  idempotent: true,
  rate: { capacity: 120, refill_per_s: 10 },
  errors: ['not_found', 'payload_too_large', 'job_key_reused', 'quota_exceeded'],
});

export const listJobs = operation({
  id: 'listJobs',
  method: 'GET',
  path: '/',
  summary: 'Jobs of a project, newest first.',
  auth: 'anon',
  query: listQuery,
  response: success({ jobs: z.array(job) }),
  errors: ['not_found'],
});

export const getJob = operation({
  id: 'getJob',
  method: 'GET',
  path: '/:job_id',
  summary: 'One job.',
  auth: 'anon',
  params,
  response: success({ job }),
  errors: ['not_found'],
});

export const getJobEvents = operation({
  id: 'getJobEvents',
  method: 'GET',
  path: '/:job_id/events',
  summary: 'Events of a job, as JSON or as a stream that ends when the job does.',
  auth: 'anon',
  params,
  query: eventsQuery,
  response: success({ events: z.array(jobEvent), job }),
  events: jobsEvents,
  stream: true,
  errors: ['not_found'],
});

export const getJobDetail = operation({
  id: 'getJobDetail',
  method: 'GET',
  path: '/:job_id/detail',
  summary: 'Attempts, steps and children of a job.',
  auth: 'anon',
  params,
  response: success({
    attempts: z.array(z.looseObject({ attempt: z.int(), executor_id: z.string() })),
    steps: z.array(z.object({ name: z.string(), attempt: z.int(), at: timestamp })),
    children: z.array(z.object({ job_id: jobId, type: z.string(), state: z.string() })),
  }),
  errors: ['not_found'],
});

export const listDeadJobs = operation({
  id: 'listDeadJobs',
  method: 'GET',
  path: '/dead',
  summary: 'Dead letters of a project, newest first.',
  auth: 'anon',
  query: z.object({
    project_id: projectId,
    reason: z.enum(DEAD_REASONS).optional(),
    type: z.string().max(100).optional(),
    limit: queryInteger(1, 200, 50),
  }),
  response: success({
    dead: z.array(
      z.looseObject({
        job_id: jobId,
        type: z.string(),
        reason: z.string(),
        error: z.unknown(),
        at: timestamp,
        redriven_to: jobId.nullable(),
      }),
    ),
  }),
  errors: ['not_found'],
});

export const getBatch = operation({
  id: 'getBatch',
  method: 'GET',
  path: '/batches/:batch_id',
  summary: 'How far the jobs of a batch are.',
  auth: 'anon',
  params: z.object({ batch_id: z.uuid() }),
  response: success({
    batch: z.looseObject({
      batch_id: z.uuid(),
      name: z.string().nullable(),
      jobs: z.int(),
      states: z.record(z.string(), z.int()),
      done: z.boolean(),
      created_at: timestamp,
    }),
  }),
  errors: ['not_found'],
});

export const cancelJob = operation({
  id: 'cancelJob',
  method: 'POST',
  path: '/:job_id/cancel',
  summary: 'Cancels a job and what is below it; a running one is told at its next beat.',
  auth: 'member',
  params,
  query: z.object({
    children: z.enum(['true', 'false']).default('true').describe('false: its children go on.'),
  }),
  response: success({ job: z.looseObject({ job_id: jobId, state: z.string() }) }),
  idempotent: true,
  errors: ['not_found', 'illegal_transition'],
});

export const redriveJob = operation({
  id: 'redriveJob',
  method: 'POST',
  path: '/:job_id/redrive',
  summary: 'Makes a new job of a dead one, linked to it.',
  auth: 'member',
  params,
  response: success({ job: z.looseObject({ job_id: jobId, state: z.string() }) }),
  idempotent: true,
  errors: ['not_found', 'illegal_transition'],
});

export const spec: FunctionSpec = {
  name: 'jobs',
  summary: 'Durable jobs over HTTP.',
  operations: [
    enqueueJobs,
    listJobs,
    listDeadJobs,
    getBatch,
    getJob,
    getJobDetail,
    getJobEvents,
    cancelJob,
    redriveJob,
  ],
};

export type EnqueueRequest = z.infer<typeof enqueueRequest>;
export type Job = z.infer<typeof job>;
