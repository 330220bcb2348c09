import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { indexRepository } from '@cogo/knowledge/indexer.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import { runPlan } from './run.ts';

let db: TestDatabase;
let service: Rpc;
let project_id: string;
before(async () => {
  db = await openTestDatabase();
  service = db.rpc('service_role');
  project_id = (await call<{ id: string }>('create_project', { name: 'Plan' })).id;
  const root = mkdtempSync(join(tmpdir(), 'cogo-plan-'));
  writeFileSync(
    join(root, 'leases.md'),
    '# Leases\n\nA worker renews the lease of its job with a heartbeat.\n',
  );
  const indexed = await indexRepository({ root, repo: 'docs', projectId: project_id, rpc: service });
  rmSync(root, { recursive: true, force: true });
  assert.ok(indexed.ok, JSON.stringify(indexed));
});
after(() => db.close());

async function call<T>(fn: string, args: Record<string, unknown> = {}): Promise<T> {
  const got = await service.call<T>(fn, args);
  if (!got.ok) throw new Error(`${fn}: ${got.error.code} ${got.error.message}`);
  return got.value;
}

async function enqueue(payload: unknown): Promise<string> {
  const made = await call<{ job_id: string }[]>('enqueue', {
    project_id,
    jobs: [{ type: 'research.run', payload }],
  });
  return made[0]!.job_id;
}

const drain = (rpc: Rpc) =>
  runPlan({
    rpc,
    server: true,
    executorId: 'cogo-plan.test',
    slots: 2,
    includeTypes: null,
    signal: new AbortController().signal,
    log: () => {},
    wake: null,
    once: true,
  });

interface Status {
  state: string;
  reason: string;
  result: { refused: boolean; citations: { path: string }[]; spans: { text: string }[] };
}

test('a server does research.run, as the service and with a worker token of its project', async () => {
  const { token } = await call<{ token: string }>('create_token', {
    project_id,
    kind: 'worker',
    name: 'plan',
    executor: 'cogo-plan',
  });
  for (const rpc of [service, db.rpc('anon', undefined, { 'x-cogo-token': token })]) {
    const job_id = await enqueue({ question: 'How is the lease of a job renewed?' });
    // An executor id belongs to whoever registered it first.
    await db.sql(`delete from cogo.executors`);
    const done = await drain(rpc);
    assert.ok(done.ok && done.value.finished === 1, JSON.stringify(done));
    const { state, result } = await call<Status>('job_status', { job_id });
    assert.equal(state, 'succeeded');
    assert.deepEqual([result.refused, result.citations[0]!.path], [false, 'leases.md']);
    const steps = await db.sql<{ name: string }>(
      `select name from cogo.job_steps where job_id = $1::uuid order by at`,
      [job_id],
    );
    assert.deepEqual(
      steps.map(({ name }) => name),
      ['search', 'answer'],
    );
  }
});

test('a question that is no text is a dead letter that says what is needed', async () => {
  const job_id = await enqueue({ question: 7 });
  await drain(service);
  const { state, reason } = await call<Status>('job_status', { job_id });
  assert.deepEqual([state, reason], ['dead', 'validation_failed']);
});
