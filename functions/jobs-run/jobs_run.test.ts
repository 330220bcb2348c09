import assert from 'node:assert/strict';
import { cogoError } from '@cogo/spec/errors.ts';
import { err } from '@cogo/spec/result.ts';
import { runConsumer } from '@cogo/spec/schemas/jobs-run.ts';
import type { PlanHandler } from '@cogo/worker/plan/handler.ts';
import { failedJson, okJson } from '../_testing/conformance.ts';
import { memoryIndex } from '../_testing/memory_index.ts';
import { fakePlane, TEST_PROJECT, type FakeFunction } from '../_shared/testing.ts';
import { limitsOf, makeApp } from './app.ts';

const TICKET = 'a-ticket-of-one-ring';

interface Item {
  job_id: string;
  token: string;
  result?: unknown;
  error?: { code: string; reason?: string };
  retryable?: boolean;
}

/** A queue of claims, and what came back for each job. */
function stage(
  jobs: Record<string, unknown>[],
  o: { handlers?: readonly PlanHandler[]; env?: Record<string, string>; seat?: string | null } = {},
) {
  const waiting = jobs.map((job, i) => ({
    job_id: `00000000-0000-4000-8000-00000000000${i}`,
    token: String(i + 1),
    attempt: 1,
    project_id: TEST_PROJECT,
    lease_s: 10,
    cancel_requested: false,
    ...job,
  }));
  const said: { fn: string; item: Item }[] = [];
  const settle =
    (fn: string, list: string): FakeFunction =>
    (args) =>
      (args[list] as Item[]).map((item) => {
        said.push({ fn, item });
        return { job_id: item.job_id, verdict: 'ok', state: 'x' };
      });
  const steps: { name: string }[] = [];
  let unused = true;
  const work: Promise<unknown>[] = [];
  const plane = fakePlane({
    functions: {
      ...memoryIndex(),
      answer_doorbell: ({ ticket }) => {
        if (ticket !== TICKET || !unused) return err(cogoError('unauthorized', 'the ticket is unknown'));
        unused = false;
        return { executor_id: o.seat === undefined ? 'cogo-plan.edge.1' : o.seat };
      },
      register_executor: () => ({}),
      ring_doorbell: () => true,
      claim: ({ qty }) => waiting.splice(0, Number(qty)),
      beat: ({ beats }) =>
        (beats as { job_id: string; steps?: { name: string }[] }[]).map(({ job_id, steps: done = [] }) => {
          steps.push(...done);
          return { job_id, verdict: 'ok' };
        }),
      finish: settle('finish', 'results'),
      turn: (args, caller) => ({
        verdicts: settle('finish', 'results')(args, caller),
        jobs: waiting.splice(0, Number(args['qty'])),
      }),
      fail: settle('fail', 'failures'),
      release: settle('release', 'releases'),
    },
    ...(o.env ? { env: o.env } : {}),
    deps: { background: (promise) => work.push(promise) },
  });
  const app = makeApp(plane.deps, o.handlers);
  const ring = (ticket = TICKET) =>
    app.request('/jobs-run', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ticket }),
    });
  /** Until the consumer has left. */
  const left = async () => {
    await app.idle();
    await Promise.all(work);
  };
  return { plane, app, ring, left, said, steps };
}

const called = (plane: ReturnType<typeof fakePlane>, fn: string) =>
  plane.calls.filter((call) => call.fn === fn);

Deno.test('a ring is answered 202 at once; the work goes on behind it and its bell is rung when it leaves', async () => {
  const question = 'How is the lease of a worker renewed?';
  const { plane, ring, left, said, steps } = stage([{ type: 'research.run', payload: { question } }]);
  const answer = await okJson<{ accepted: boolean; executor_id: string }>(runConsumer, await ring());
  assert.deepEqual([answer.accepted, answer.executor_id], [true, 'cogo-plan.edge.1']);
  await left();
  assert.deepEqual(
    said.map(({ fn }) => fn),
    ['finish'],
  );
  const result = said[0]!.item.result as { citations: unknown[]; spans: { text: string }[]; text: string };
  assert.ok(result.citations.length > 0 && result.spans.length > 0 && result.text.length > 0);
  assert.deepEqual(
    steps.map(({ name }) => name),
    ['search', 'answer'],
  );
  const registered = called(plane, 'register_executor').map(
    ({ args }) => (args['info'] as { draining?: boolean }).draining,
  );
  assert.deepEqual(registered, [undefined, true]);
  assert.equal(called(plane, 'ring_doorbell').length, 1);
});

Deno.test('a wrong ticket and a used one are refused, and nothing is claimed', async () => {
  const { plane, ring, left } = stage([]);
  await failedJson(await ring('guessed'), 401, 'unauthorized');
  assert.equal(called(plane, 'claim').length, 0);
  assert.equal((await ring()).status, 202);
  await failedJson(await ring(), 401, 'unauthorized');
  await left();
  assert.doesNotMatch(JSON.stringify([plane.logs, plane.begun, plane.ended, plane.events]), /a-ticket/);
});

Deno.test('without a free seat the ring is accepted by nobody', async () => {
  const { plane, ring, left } = stage([], { seat: null });
  const answer = await okJson<{ accepted: boolean }>(runConsumer, await ring());
  assert.equal(answer.accepted, false);
  await left();
  assert.equal(called(plane, 'claim').length, 0);
});

Deno.test('steps of an earlier attempt are not done again', async () => {
  const done: string[] = [];
  const two: PlanHandler = {
    type: 'quality.two',
    async run(_job, context) {
      const part = (name: string) =>
        context.step(name, () => {
          done.push(name);
          return name;
        });
      const values = [await part('one'), await part('two')];
      return { kind: 'finished', result: values };
    },
  };
  const { ring, left, said } = stage([{ type: 'quality.two', attempt: 2, steps: { one: 'from before' } }], {
    handlers: [two],
  });
  await ring();
  await left();
  assert.deepEqual(done, ['two']);
  assert.deepEqual(said[0]!.item.result, ['from before', 'two']);
});

/** Waits for its signal between two steps. */
const patient: PlanHandler = {
  type: 'quality.patient',
  async run(_job, context) {
    await context.step('one', () => 1);
    if (!context.signal.aborted)
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
    return { kind: 'finished', result: 'too late' };
  },
};

Deno.test('what is unfinished at 60 % of the wall limit is handed back, not failed', async () => {
  const { plane, ring, left, said, steps } = stage([{ type: 'quality.patient' }], {
    handlers: [patient],
    env: { COGO_EDGE_WALL_MS: '300' },
  });
  await ring();
  await left();
  assert.deepEqual(
    said.map(({ fn }) => fn),
    ['release'],
  );
  assert.deepEqual(steps, [{ name: 'one', output: 1 }]);
  assert.equal(called(plane, 'ring_doorbell').length, 1);
  assert.ok(plane.logs.some((entry) => entry['end'] === 'wall'));
});

Deno.test('what is unfinished at 60 % of the CPU limit is handed back', async () => {
  const busy: PlanHandler = {
    type: 'quality.busy',
    async run(job, context) {
      const until = performance.now() + 120;
      while (performance.now() < until);
      return await patient.run(job, context);
    },
  };
  const { plane, ring, left, said } = stage([{ type: 'quality.busy' }], {
    handlers: [busy],
    env: { COGO_EDGE_CPU_MS: '100' },
  });
  await ring();
  await left();
  assert.deepEqual(
    said.map(({ fn }) => fn),
    ['release'],
  );
  assert.ok(plane.logs.some((entry) => entry['end'] === 'cpu'));
});

Deno.test('a runtime that is about to end gets its work handed back', async () => {
  let began = () => {};
  const started = new Promise<void>((resolve) => {
    began = resolve;
  });
  const told: PlanHandler = {
    type: 'quality.told',
    run: (job, context) => {
      began();
      return patient.run(job, context);
    },
  };
  const { ring, left, said } = stage([{ type: 'quality.told' }], { handlers: [told] });
  await ring();
  await started;
  globalThis.dispatchEvent(new Event('beforeunload'));
  await left();
  assert.deepEqual(
    said.map(({ fn }) => fn),
    ['release'],
  );
});

const circle: Record<string, unknown> = {};
circle['self'] = circle;
for (const [name, result] of [
  ['a circle', circle],
  ['a bigint', 1n],
  ['undefined', undefined],
  ['a function', () => 1],
] as const) {
  Deno.test(`a result that is ${name} makes a dead letter that says so`, async () => {
    const odd: PlanHandler = { type: 'quality.odd', run: async () => ({ kind: 'finished', result }) };
    const { ring, left, said } = stage([{ type: 'quality.odd' }], { handlers: [odd] });
    await ring();
    await left();
    const [{ fn, item }] = said as [{ fn: string; item: Item }];
    assert.deepEqual(
      [fn, item.error!.code, item.error!.reason, item.retryable],
      ['fail', 'validation_failed', 'validation_failed', false],
    );
  });
}

Deno.test('a job whose next step never fits is given up as a dead letter', async () => {
  const { ring, left, said } = stage([{ type: 'quality.patient', attempt: 9, steps: {} }], {
    handlers: [patient],
  });
  await ring();
  await left();
  assert.deepEqual(
    [said[0]!.fn, said[0]!.item.error!.reason, said[0]!.item.retryable],
    ['fail', 'timeout', false],
  );
});

Deno.test('a question that is missing, and one that is too long, are dead letters', async () => {
  const { ring, left, said } = stage([
    { type: 'research.run', payload: {} },
    { type: 'research.run', payload: { question: 'x'.repeat(5000) } },
  ]);
  await ring();
  await left();
  assert.deepEqual(
    said.map(({ fn, item }) => [fn, item.error!.reason, item.retryable]),
    [
      ['fail', 'validation_failed', false],
      ['fail', 'validation_failed', false],
    ],
  );
});

Deno.test('limits are those of hosted Supabase, but for CPU where the stack runs the functions, unless set', () => {
  const limits = (env: Record<string, string>) => limitsOf((key) => env[key]);
  assert.deepEqual(limits({}), { wallMs: 150_000, cpuMs: 2_000 });
  assert.deepEqual(limits({ COGO_PLACE: 'embedded' }), { wallMs: 150_000, cpuMs: null });
  assert.deepEqual(limits({ COGO_PLACE: 'own', COGO_EDGE_CPU_MS: '500', COGO_EDGE_WALL_MS: '1000' }), {
    wallMs: 1000,
    cpuMs: 500,
  });
});
