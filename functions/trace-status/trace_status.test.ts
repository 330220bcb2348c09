import assert from 'node:assert/strict';
import { cogoError } from '@cogo/spec/errors.ts';
import { err } from '@cogo/spec/result.ts';
import { traceStatus } from '@cogo/spec/schemas/trace-status.ts';
import { failedJson, okJson } from '../_testing/conformance.ts';
import { asCaller, fakePlane } from '../_shared/testing.ts';
import { makeApp } from './app.ts';

const TRACE = 'trace-0123456789';

/** As cogo_api.trace_status answers. */
function row(status = 'running') {
  return {
    trace_id: TRACE,
    project_id: null,
    status,
    function: 'chat',
    route: null,
    counts: { 'chat.started': 1 },
    started_at: '2026-01-01T00:00:00.000001+00:00',
    finished_at: status === 'running' ? null : '2026-01-01T00:00:01+00:00',
    duration_ms: status === 'running' ? null : 999.5,
    http_status: 200,
    events: [
      { id: 5, event_type: 'chat.started', source: 'chat', payload: {}, ts: '2026-01-01T00:00:00+00:00' },
    ],
    output: null,
    error: null,
  };
}

function stage() {
  const state = { row: row(), asked: 0 };
  const plane = fakePlane({
    functions: {
      trace_status: ({ trace_id }) => {
        state.asked++;
        if (trace_id !== TRACE) return err(cogoError('not_found', 'no such trace', { sqlstate: 'CG003' }));
        return state.row;
      },
    },
  });
  const app = makeApp(plane.deps);
  const get = (headers: Record<string, string> = {}, method = 'GET', trace = TRACE) =>
    app.request(`/trace-status?trace_id=${trace}`, {
      method,
      headers: { ...asCaller('service'), ...headers },
    });
  return { plane, app, state, get };
}

Deno.test('a trace is told with its events, and the answer is that of the trace asked about', async () => {
  const { get } = stage();
  const response = await get();
  const trace = await okJson<{ trace_id: string; status: string; events: { ts: string }[] }>(
    traceStatus,
    response,
  );
  assert.deepEqual([trace.trace_id, trace.status], [TRACE, 'running']);
  assert.equal(trace.events[0]!.ts, '2026-01-01T00:00:00+00:00');
});

Deno.test('an unchanged trace answers 304 to its ETag, a changed one 200 with another', async () => {
  const { get, state } = stage();
  const etag = (await get()).headers.get('etag')!;
  const same = await get({ 'if-none-match': etag });
  assert.equal(same.status, 304);
  assert.equal(await same.text(), '');
  assert.equal(same.headers.get('etag'), etag);
  assert.equal((await get({ 'if-none-match': `W/${etag}, "other"` })).status, 304);
  state.row = row('ready');
  const changed = await get({ 'if-none-match': etag });
  assert.equal(changed.status, 200);
  assert.notEqual(changed.headers.get('etag'), etag);
});

Deno.test('HEAD has the headers of GET and no body', async () => {
  const { get } = stage();
  const etag = (await get()).headers.get('etag');
  const head = await get({}, 'HEAD');
  assert.equal(head.status, 200);
  assert.equal(head.headers.get('etag'), etag);
  assert.equal(await head.text(), '');
  assert.equal((await get({ 'if-none-match': etag! }, 'HEAD')).status, 304);
});

Deno.test('an unknown trace is 404, a malformed id 422, a missing one 422, no key 401', async () => {
  const { get, app } = stage();
  await failedJson(await get({}, 'GET', 'trace-unknown-1'), 404, 'not_found');
  await failedJson(await get({}, 'GET', 'x'), 422, 'validation_failed');
  await failedJson(
    await app.request('/trace-status', { headers: asCaller('service') }),
    422,
    'validation_failed',
  );
  await failedJson(await app.request(`/trace-status?trace_id=${TRACE}`), 401, 'unauthorized');
});

Deno.test('asking about a trace makes no trace', async () => {
  const { get, plane, app } = stage();
  await get();
  await app.idle();
  assert.deepEqual([plane.begun, plane.ended], [[], []]);
});
