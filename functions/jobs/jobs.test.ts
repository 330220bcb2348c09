import assert from 'node:assert/strict';
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
} from '@cogo/spec/schemas/jobs.ts';
import { dataOf, failedJson, okJson, readStream } from '../_testing/conformance.ts';
import { memoryJobs } from '../_testing/memory_jobs.ts';
import { asCaller, fakePlane, post, TEST_PROJECT } from '../_shared/testing.ts';
import { makeApp } from './app.ts';
import { resumePoint } from './follow_job.ts';

/** `onWait` runs instead of every pause between two polls. */
function stage(onWait: () => void = () => {}) {
  const memory = memoryJobs();
  const plane = fakePlane({
    functions: memory.functions,
    deps: { limits: { lingerMs: 0 }, wait: async () => onWait() },
  });
  const app = makeApp(plane.deps);
  const enqueue = async (type = 'code.build.test') => {
    const body = { project_id: TEST_PROJECT, jobs: [{ type, payload: { recipe: 'default' } }] };
    const made = await okJson<{ jobs: { job_id: string }[]; trace_id: string }>(
      enqueueJobs,
      await app.request('/jobs', post(body, 'token')),
    );
    return { id: made.jobs[0]!.job_id, trace: made.trace_id };
  };
  const get = (path: string, headers: Record<string, string> = {}) =>
    app.request(path, { headers: { ...asCaller('token'), ...headers } });
  return { ...memory, plane, app, enqueue, get };
}

const SSE = { accept: 'text/event-stream' };
interface EventData {
  id: number;
  kind: string;
}

Deno.test('a job is accepted with 202, and goes on in the trace that made it', async () => {
  const { app, jobs } = stage();
  const body = { project_id: TEST_PROJECT, jobs: [{ type: 'code.build.test' }] };
  const response = await app.request('/jobs', post(body, 'token'));
  assert.equal(response.status, 202);
  const made = await okJson<{ jobs: { job_id: string }[]; trace_id: string }>(enqueueJobs, response);
  const { job_id } = made.jobs[0]!;
  assert.equal(response.headers.get('location'), `/functions/v1/jobs/${job_id}`);
  assert.equal(jobs.get(job_id)!.trace_id, made.trace_id);
  await app.idle();
});

Deno.test('the same key enqueues once', async () => {
  const { app, jobs } = stage();
  const body = { project_id: TEST_PROJECT, jobs: [{ type: 'code.build.test' }] };
  const init = post(body, 'token', { 'idempotency-key': 'once' });
  const first = await (await app.request('/jobs', init)).text();
  await app.idle();
  const again = await app.request('/jobs', init);
  assert.equal(again.status, 202);
  assert.equal(await again.text(), first);
  assert.equal(jobs.size, 1);
});

const matrix: ['anon' | 'service' | 'token' | 'worker', number][] = [
  ['anon', 403],
  ['token', 202],
  ['worker', 202],
  ['service', 202],
];
for (const [caller, status] of matrix) {
  Deno.test(`enqueueing as ${caller} answers ${status} at the door`, async () => {
    const { app } = stage();
    const body = { project_id: TEST_PROJECT, jobs: [{ type: 'code.debug' }] };
    const response = await app.request('/jobs', post(body, caller));
    assert.equal(response.status, status);
    await response.text();
    await app.idle();
  });
}

Deno.test('a job is read, listed by state, cancelled; a finished one can not be cancelled', async () => {
  const { app, enqueue, get, jobs } = stage();
  const { id } = await enqueue();
  const read = await okJson<{ job: { state: string } }>(getJob, await get(`/jobs/${id}`));
  assert.equal(read.job.state, 'queued');
  const cancelled = await okJson<{ job: { state: string } }>(
    cancelJob,
    await app.request(`/jobs/${id}/cancel`, post({}, 'token')),
  );
  assert.equal(cancelled.job.state, 'cancelled');
  const list = async (state: string) =>
    (
      await okJson<{ jobs: unknown[] }>(
        listJobs,
        await get(`/jobs?project_id=${TEST_PROJECT}&state=${state}`),
      )
    ).jobs.length;
  assert.deepEqual([await list('cancelled'), await list('queued')], [1, 0]);
  jobs.get(id)!.state = 'succeeded';
  await failedJson(await app.request(`/jobs/${id}/cancel`, post({}, 'token')), 409, 'illegal_transition');
  await app.idle();
});

Deno.test('a dead job is redriven, another is not', async () => {
  const { app, enqueue, jobs } = stage();
  const { id } = await enqueue();
  await failedJson(await app.request(`/jobs/${id}/redrive`, post({}, 'token')), 409, 'illegal_transition');
  jobs.get(id)!.state = 'dead';
  const made = await okJson<{ job: { redriven_from: string } }>(
    redriveJob,
    await app.request(`/jobs/${id}/redrive`, post({}, 'token')),
  );
  assert.equal(made.job.redriven_from, id);
  await app.idle();
});

Deno.test('a stream of events follows the job to its end', async () => {
  let wake = () => {};
  const { app, enqueue, get, jobs, event } = stage(() => wake());
  const { id } = await enqueue();
  const steps = [
    () => event(id, 'job.progress', { pct: 50 }),
    () => {},
    () => {
      event(id, 'job.done');
      jobs.get(id)!.state = 'succeeded';
    },
  ];
  wake = () => steps.shift()?.();
  const { frames, order } = await readStream(getJobEvents, await get(`/jobs/${id}/events`, SSE));
  assert.equal(order, 'meta job.event* job.done done');
  const events = dataOf<EventData>(frames, 'job.event');
  assert.deepEqual(
    events.map((item) => item.kind),
    ['job.enqueued', 'job.progress', 'job.done'],
  );
  assert.deepEqual(
    frames.filter((frame) => frame.event === 'job.event').map((frame) => frame.id),
    events.map((item) => `e${item.id}`),
  );
  assert.equal(dataOf<{ state: string }>(frames, 'job.done')[0]!.state, 'succeeded');
  await app.idle();
});

Deno.test('Last-Event-ID resumes after that event', async () => {
  const { app, enqueue, get, jobs, event } = stage();
  const { id } = await enqueue();
  event(id, 'job.progress');
  event(id, 'job.done');
  jobs.get(id)!.state = 'succeeded';
  const all = dataOf<EventData>(
    (await readStream(getJobEvents, await get(`/jobs/${id}/events`, SSE))).frames,
    'job.event',
  );
  const { frames } = await readStream(
    getJobEvents,
    await get(`/jobs/${id}/events`, { ...SSE, 'last-event-id': `e${all[0]!.id}` }),
  );
  assert.deepEqual(dataOf<EventData>(frames, 'job.event'), all.slice(1));
  const page = await okJson<{ events: EventData[] }>(
    getJobEvents,
    await get(`/jobs/${id}/events?after=${all[1]!.id}`),
  );
  assert.deepEqual(page.events, all.slice(2));
  await app.idle();
});

Deno.test('more events than a page all come, once', async () => {
  const { app, enqueue, get, jobs, event } = stage();
  const { id } = await enqueue();
  for (let i = 0; i < 450; i++) event(id, 'job.progress', { i });
  jobs.get(id)!.state = 'cancelled';
  const { frames } = await readStream(getJobEvents, await get(`/jobs/${id}/events`, SSE));
  const ids = dataOf<EventData>(frames, 'job.event').map((item) => item.id);
  assert.equal(ids.length, 451);
  assert.equal(new Set(ids).size, 451);
  await app.idle();
});

Deno.test('a client that leaves ends the polling', async () => {
  const waiting = Promise.withResolvers<void>();
  const { app, enqueue, get, plane } = stage(() => waiting.resolve());
  const { id } = await enqueue();
  const response = await get(`/jobs/${id}/events`, SSE);
  const reader = response.body!.getReader();
  await reader.read();
  await waiting.promise;
  await reader.cancel();
  await app.idle();
  const polls = plane.calls.length;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.ok(plane.calls.length <= polls + 1);
});

for (const [last, after, from] of [
  [undefined, undefined, '0'],
  [undefined, '7', '7'],
  ['105', '7', '105'],
  ['e105', '7', '105'],
  ['e2', '7', '2'],
  ['1', '7', '7'],
  ['3', undefined, '0'],
  ['e', '7', '7'],
  ['meta', '7', '7'],
] as const) {
  Deno.test(`Last-Event-ID ${last} and after ${after} go on after ${from}`, () => {
    assert.equal(resumePoint(last, after), from);
  });
}

Deno.test('an unknown job is 404 on every path, before a stream begins', async () => {
  const { app, get } = stage();
  const id = '99999999-9999-4999-8999-999999999999';
  await failedJson(await get(`/jobs/${id}`), 404, 'not_found');
  await failedJson(await get(`/jobs/${id}/events`), 404, 'not_found');
  await failedJson(await get(`/jobs/${id}/events`, SSE), 404, 'not_found');
  await failedJson(await app.request(`/jobs/${id}/cancel`, post({}, 'token')), 404, 'not_found');
  await app.idle();
});

Deno.test('dead letters are listed, and a job is shown in detail', async () => {
  const { app, enqueue, get, jobs } = stage();
  const { id } = await enqueue();
  jobs.get(id)!.state = 'dead';
  await enqueue();
  const { dead } = await okJson<{ dead: { job_id: string }[] }>(
    listDeadJobs,
    await get(`/jobs/dead?project_id=${TEST_PROJECT}`),
  );
  assert.deepEqual(
    dead.map((letter) => letter.job_id),
    [id],
  );
  await failedJson(await get(`/jobs/dead?project_id=${TEST_PROJECT}&reason=bored`), 422, 'validation_failed');
  await okJson(getJobDetail, await get(`/jobs/${id}/detail`));
  await app.idle();
});

Deno.test('jobs of a batch are followed together', async () => {
  const { app, get } = stage();
  const jobs = [{ type: 'code.debug' }, { type: 'code.debug' }];
  const made = await okJson<{ jobs: { batch_id: string }[] }>(
    enqueueJobs,
    await app.request('/jobs', post({ project_id: TEST_PROJECT, jobs, batch: {} }, 'token')),
  );
  const { batch } = await okJson<{ batch: { jobs: number; done: boolean } }>(
    getBatch,
    await get(`/jobs/batches/${made.jobs[0]!.batch_id}`),
  );
  assert.deepEqual([batch.jobs, batch.done], [2, false]);
  await failedJson(await get(`/jobs/batches/${crypto.randomUUID()}`), 404, 'not_found');
  await app.idle();
});

for (const [query, children] of [
  ['', true],
  ['?children=true', true],
  ['?children=false', false],
] as const) {
  Deno.test(`cancel${query} ${children ? 'takes' : 'leaves'} the children`, async () => {
    const { app, enqueue, jobs } = stage();
    const { id } = await enqueue();
    await okJson(cancelJob, await app.request(`/jobs/${id}/cancel${query}`, post({}, 'token')));
    assert.equal(jobs.get(id)!.children_cancelled, children);
    await app.idle();
  });
}

const refused: [string, object, number, string][] = [
  [
    'a payload over the limit',
    { type: 'code.debug', payload: { x: 'x'.repeat(131_072) } },
    413,
    'payload_too_large',
  ],
  ['an unknown type', { type: 'make.coffee' }, 422, 'validation_failed'],
  ['a payload that is no object', { type: 'code.debug', payload: [1] }, 422, 'validation_failed'],
  ['more jobs than the project may have waiting', { type: 'quality.flood' }, 429, 'quota_exceeded'],
];
for (const [name, job, status, code] of refused) {
  Deno.test(`${name}: ${status} ${code}, and no job`, async () => {
    const { app, jobs } = stage();
    const response = await app.request('/jobs', post({ project_id: TEST_PROJECT, jobs: [job] }, 'token'));
    assert.equal(response.headers.get('retry-after'), status === 429 ? '10' : null);
    await failedJson(response, status, code);
    assert.equal(jobs.size, 0);
    await app.idle();
  });
}

Deno.test('a stream cut after any frame goes on where it was, without loss or doubles', async () => {
  const { app, enqueue, get, jobs, event } = stage();
  const { id } = await enqueue();
  for (let i = 0; i < 5; i++) event(id, 'job.progress', { i });
  event(id, 'job.done');
  jobs.get(id)!.state = 'succeeded';
  const whole = (await readStream(getJobEvents, await get(`/jobs/${id}/events`, SSE))).frames;
  const ids = (frames: typeof whole) => dataOf<EventData>(frames, 'job.event').map((item) => item.id);
  for (let cut = 1; cut <= whole.length; cut++) {
    const before = whole.slice(0, cut);
    const headers = { ...SSE, 'last-event-id': before.at(-1)!.id! };
    const rest = (await readStream(getJobEvents, await get(`/jobs/${id}/events`, headers))).frames;
    assert.deepEqual([...ids(before), ...ids(rest)], ids(whole), `cut after frame ${cut}`);
    // Again, cut after the first frame of the resumed stream.
    const twice = { ...SSE, 'last-event-id': rest[0]?.id ?? before.at(-1)!.id! };
    const again = (await readStream(getJobEvents, await get(`/jobs/${id}/events`, twice))).frames;
    assert.deepEqual([...ids(before), ...ids(rest.slice(0, 1)), ...ids(again)], ids(whole));
  }
  await app.idle();
});

const bad: [string, unknown][] = [
  ['no jobs', { project_id: TEST_PROJECT, jobs: [] }],
  ['a type without a dot', { project_id: TEST_PROJECT, jobs: [{ type: 'build' }] }],
  ['a priority out of range', { project_id: TEST_PROJECT, jobs: [{ type: 'a.b', priority: 3 }] }],
  ['a negative delay', { project_id: TEST_PROJECT, jobs: [{ type: 'a.b', delay_s: -1 }] }],
];
for (const [name, body] of bad) {
  Deno.test(`${name}: refused`, async () => {
    const { app, jobs } = stage();
    await failedJson(await app.request('/jobs', post(body, 'token')), 422, 'validation_failed');
    assert.equal(jobs.size, 0);
  });
}

Deno.test('a malformed job id is 422, an unknown path 404, another method 405', async () => {
  const { app, get } = stage();
  await failedJson(await get('/jobs/not-a-uuid'), 422, 'validation_failed');
  await failedJson(await get('/jobs/a/b/c'), 404, 'not_found');
  const response = await app.request('/jobs', { method: 'DELETE', headers: asCaller('token') });
  await failedJson(response, 405, 'method_not_allowed');
});
