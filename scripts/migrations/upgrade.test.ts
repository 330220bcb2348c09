// A database of the first release with jobs in every state goes on working after the newer migrations.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { applyMigrations, readMigrations } from '@cogo/stack/database/migrations.ts';
import { openTestDatabase } from '@cogo/stack/testing.ts';
import { ROOT } from './sources.ts';

interface Lease {
  job_id: string;
  token: string;
  payload: { n: number };
}

test('jobs of a database of the first release are claimed, finished, swept and read after the upgrade', async () => {
  const place = await openTestDatabase({ migrations: false });
  const call = async <T>(text: string, params: unknown[] = []): Promise<T> => {
    const [row] = await place.sql<{ v: T | string }>(`select (${text})::text as v`, params);
    return JSON.parse(row!.v as string) as T;
  };
  const kinds = async (id: string) =>
    (await call<{ kind: string }[]>('cogo_api.job_events($1::uuid)', [id])).map((event) => event.kind);
  try {
    const migrations = readMigrations(join(ROOT, 'supabase', 'migrations'));
    const foundation = await applyMigrations(place.db, migrations.slice(0, 1));
    assert.ok(foundation.ok, foundation.ok ? '' : foundation.error.message);

    const project = (await call<{ id: string }>(`cogo_api.create_project('Old')`)).id;
    const enqueue = (jobs: object[]) =>
      call<{ job_id: string; duplicate: boolean }[]>('cogo_api.enqueue($1::uuid, $2::text::jsonb)', [
        project,
        JSON.stringify(jobs),
      ]);
    const claim = (executor: string, qty: number) =>
      call<Lease[]>(`cogo_api.claim($1::text, $2::int)`, [executor, qty]);
    // 150 at once: 100 are ready and 50 wait for their turn.
    const many = await enqueue(
      Array.from({ length: 150 }, (_, n) => ({ type: 'code.debug', payload: { n }, key: `k${n}` })),
    );
    const [late] = await enqueue([{ type: 'code.debug', payload: { n: 500 }, delay_s: 3600 }]);
    const keyed = await enqueue([
      { type: 'code.debug', payload: { n: 600 }, concurrency_key: 'one' },
      { type: 'code.debug', payload: { n: 601 }, concurrency_key: 'one' },
    ]);
    const held = await claim('cogo-work.old', 10);
    const over = await claim('cogo-work.old', 1);
    await call('cogo_api.finish($1::text::jsonb)', [
      JSON.stringify(over.map(({ job_id, token }) => ({ job_id, token, result: { old: true } }))),
    ]);

    const upgraded = await applyMigrations(place.db, migrations);
    assert.ok(upgraded.ok, upgraded.ok ? '' : upgraded.error.message);
    assert.deepEqual(
      await kinds(over[0]!.job_id),
      ['job.enqueued', 'job.started', 'job.done'],
      'what was stored is not told twice',
    );

    // Half of what ran before goes on, the other half loses its lease.
    const finished = await call<{ verdict: string }[]>('cogo_api.finish($1::text::jsonb)', [
      JSON.stringify(held.slice(0, 5).map(({ job_id, token }) => ({ job_id, token, result: {} }))),
    ]);
    assert.deepEqual(new Set(finished.map((verdict) => verdict.verdict)), new Set(['ok']));
    assert.deepEqual(
      await kinds(held[0]!.job_id),
      ['job.enqueued', 'job.started', 'job.done'],
      'the end that came after the upgrade follows what was stored before it',
    );
    await place.db.exec(`update cogo.jobs set lease_until = clock_timestamp() - interval '1 second' where state = 'running';
      update cogo.jobs set run_at = clock_timestamp() where id = '${late!.job_id}'`);
    assert.equal((await call<{ expired: number }>('cogo_api.sweep()')).expired, 5);

    const again = await enqueue([{ type: 'code.debug', payload: { n: 0 }, key: 'k0' }]);
    assert.deepEqual([again[0]!.duplicate, again[0]!.job_id], [true, many[0]!.job_id], 'keys are kept');

    let done = 0;
    let leases = await claim('cogo-work.new', 40);
    while (leases.length > 0) {
      const turn = await call<{ verdicts: { verdict: string }[]; jobs: Lease[] }>(
        `cogo_api.turn('cogo-work.new', $1::text::jsonb, 40)`,
        [JSON.stringify(leases.map(({ job_id, token }) => ({ job_id, token, result: {} })))],
      );
      done += turn.verdicts.filter((verdict) => verdict.verdict === 'ok').length;
      leases = turn.jobs;
    }
    assert.equal(done, 150 - 1 - 5 + 1 + keyed.length);
    const states = await call<{ states: Record<string, number> }>('cogo_api.stats($1::uuid)', [project]);
    assert.deepEqual(states.states, { succeeded: 153 });
  } finally {
    await place.close();
  }
});
