import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, type Result } from '@cogo/spec/result.ts';
import { FakeDispatcher } from '../client/fake_link.ts';
import type { JobResult, Turn, TurnRequest, WorkerLink } from '../client/worker_link.ts';
import { FakeClock, settle } from '../clock_fake.ts';
import type { Outcome } from '../executors/executor.ts';
import { DEFAULT_POLICY } from '../policy.ts';
import { runLoops } from './worker.ts';

/** A worker whose jobs end when the test says so, and a dispatcher whose answers to turns wait for the test. */
function world(slots: number, wrap: (link: WorkerLink) => Partial<WorkerLink> = () => ({})) {
  const clock = new FakeClock();
  const dispatcher = new FakeDispatcher(clock);
  const link = dispatcher.link('cogo-work');
  const running = new Map<string, (outcome: Outcome) => void>();
  const stop = new AbortController();
  const lines: string[] = [];
  const held: (() => void)[] = [];
  let hold = false;
  const turns: TurnRequest[] = [];
  const turn = async (request: TurnRequest): Promise<Result<Turn>> => {
    turns.push(request);
    if (hold) await new Promise<void>((resolve) => held.push(resolve));
    return link.turn(request);
  };
  const run = runLoops({
    link: { ...link, turn, ...wrap(link) },
    info: {
      kind: 'cogo-work',
      version: '0',
      slots,
      types: null,
      sandbox: 'none',
      host: 'h',
      platform: 'linux',
      instance: 'i',
      beatS: 4,
    },
    slots,
    leaseS: 30,
    includeTypes: null,
    policy: () => DEFAULT_POLICY,
    executor: (type) => ({
      type,
      run: (job) => new Promise<Outcome>((resolve) => running.set(job.jobId, resolve)),
    }),
    signal: stop.signal,
    log: (_level, message) => void lines.push(message),
    clock,
    random: () => 0.5,
    once: false,
    wake: null,
  });
  return {
    clock,
    dispatcher,
    running,
    stop,
    lines,
    turns,
    run,
    holdTurns: () => {
      hold = true;
    },
    answer: () => held.shift()!(),
    enqueue: (n: number) => Array.from({ length: n }, () => dispatcher.enqueue('code.build.test')),
    end: (id: string, result: unknown = 'done') => running.get(id)!({ kind: 'finished', result }),
    states: (ids: string[]) => ids.map((id) => dispatcher.jobs.get(id)!.state),
    done: () => lines.filter((line) => line === 'job finished').length,
    calls: (fn: string) => dispatcher.calls.filter((call) => call.fn === fn),
  };
}

test('results that end at once go in one call, which brings as many jobs', async () => {
  const w = world(4);
  const ids = w.enqueue(8);
  await w.clock.advance(0);
  for (const id of ids.slice(0, 4)) w.end(id);
  await w.clock.advance(0);
  assert.deepEqual(
    w.turns.map(({ results, qty }) => [results.length, qty]),
    [[4, 4]],
  );
  assert.equal(w.calls('finish').length, 0);
  assert.deepEqual([...w.running.keys()], ids);
  w.stop.abort();
});

test('results that become due while a turn is under way go together in the next, and none is done before its own answer', async () => {
  const w = world(4);
  const ids = w.enqueue(8);
  await w.clock.advance(0);
  w.holdTurns();
  w.end(ids[0]!);
  w.end(ids[1]!);
  await w.clock.advance(0);
  w.end(ids[2]!);
  await w.clock.advance(0);
  w.end(ids[3]!);
  await w.clock.advance(0);
  const sent = () => w.turns.map(({ results }) => results.map(({ jobId }) => jobId));
  assert.deepEqual(sent(), [ids.slice(0, 2)]);
  assert.equal(w.done(), 0);
  w.answer();
  await w.clock.advance(0);
  assert.deepEqual(sent(), [ids.slice(0, 2), ids.slice(2, 4)]);
  assert.equal(w.done(), 2);
  assert.deepEqual(w.states(ids.slice(0, 4)), ['succeeded', 'succeeded', 'running', 'running']);
  w.answer();
  await w.clock.advance(0);
  assert.equal(w.done(), 4);
  assert.deepEqual([...w.running.keys()], ids);
  w.stop.abort();
});

test('a result that is refused costs the others of its call nothing', async () => {
  const refused = (results: JobResult[]) => results.some(({ result }) => result === 'too large');
  const refusal = failure('payload_too_large', '200 KB, allowed 128 KB');
  const w = world(3, (link) => ({
    turn: async (request) => (refused(request.results) ? refusal : link.turn(request)),
    finish: async (results) => (refused(results) ? refusal : link.finish(results)),
  }));
  const ids = w.enqueue(3);
  await w.clock.advance(0);
  w.end(ids[0]!);
  w.end(ids[1]!, 'too large');
  w.end(ids[2]!);
  await w.clock.advance(0);
  assert.deepEqual(w.states(ids), ['succeeded', 'dead', 'succeeded']);
  assert.match(JSON.stringify(w.dispatcher.jobs.get(ids[1]!)!.error), /The result was refused: 200 KB/);
  w.stop.abort();
});

test('a stale result answers lost, and the others of its call are done', async () => {
  const w = world(2);
  const ids = w.enqueue(2);
  await w.clock.advance(0);
  w.dispatcher.jobs.get(ids[0]!)!.token = 'another';
  for (const id of ids) w.end(id);
  await w.clock.advance(0);
  assert.deepEqual(w.states(ids), ['running', 'succeeded']);
  w.stop.abort();
  const ended = await w.run;
  assert.ok(ended.ok);
  assert.deepEqual([ended.value.finished, ended.value.lost], [1, 1]);
});

test('a call that is never answered holds up the results of others for a quarter of a second', async () => {
  const w = world(4);
  const ids = w.enqueue(4);
  await w.clock.advance(0);
  w.holdTurns();
  for (const id of ids.slice(0, 3)) w.end(id);
  await w.clock.advance(0);
  w.end(ids[3]!);
  await w.clock.advance(249);
  assert.deepEqual(
    w.states(ids),
    ids.map(() => 'running'),
  );
  await w.clock.advance(1);
  assert.equal(w.states(ids)[3], 'succeeded');
  w.stop.abort();
});

test('a result that waits for a call of others is sent at once when the worker is told to stop', async () => {
  const w = world(2);
  const ids = w.enqueue(2);
  await w.clock.advance(0);
  w.holdTurns();
  w.end(ids[0]!);
  await w.clock.advance(0);
  w.end(ids[1]!);
  await w.clock.advance(0);
  w.stop.abort();
  await settle();
  assert.equal(w.dispatcher.jobs.get(ids[1]!)!.state, 'succeeded');
  w.answer();
  await w.clock.advance(1000);
  assert.deepEqual(w.states(ids), ['succeeded', 'succeeded']);
});
