// Several sessions at once against one database: what a single-session test cannot show. Needs COGO_TEST_DB (PGlite is one session).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';

const skip = process.env['COGO_TEST_DB'] ? false : 'PGlite is one session; set COGO_TEST_DB';
let place: TestDatabase;
let project: string;

interface Lease {
  job_id: string;
  token: string;
}

async function call<T>(fn: string, args: Record<string, unknown> = {}): Promise<T> {
  const result = await place.rpc('service_role').call<T>(fn, args);
  if (!result.ok) throw new Error(`${fn}: ${result.error.sqlstate} ${result.error.message}`);
  return result.value;
}

before(async () => {
  if (skip) return;
  place = await openTestDatabase();
  project = (await call<{ id: string }>('create_project', { name: 'Races' })).id;
});
after(() => place?.close());

test('four executors, cancels and sweeps at once: no deadlock, no job lost, one outcome each', {
  skip,
}, async () => {
  const total = 240;
  const jobs = Array.from({ length: total }, (_, i) => ({
    type: 'code.debug',
    priority: i % 3,
    ...(i % 4 === 0 ? { concurrency_key: `key-${i % 12}` } : {}),
    ...(i % 10 === 9 ? { pin: `executor-${i % 4}` } : {}),
  }));
  const made = (await call<{ job_id: string }[]>('enqueue', { project_id: project, jobs })).map(
    (job) => job.job_id,
  );
  let cancels = 0;
  const canceller = (async () => {
    for (let i = 0; i < total; i += 6) {
      const answer = await place.rpc('service_role').call('cancel', { job_id: made[(i * 7) % total]! });
      if (answer.ok) cancels++;
      else assert.equal(answer.error.code, 'illegal_transition');
    }
  })();
  let busy = true;
  const sweeper = (async () => {
    while (busy) await call('sweep');
  })();
  // two pop from the queues, two walk the ready index, as a claim narrowed by type or project does
  const executor = async (name: string, narrow: boolean) => {
    for (let idle = 0; idle < 25; ) {
      const leases = await call<Lease[]>('claim', {
        executor_id: name,
        qty: 5,
        ...(narrow ? { include_types: ['code.*'] } : {}),
      });
      if (leases.length === 0) {
        idle++;
        continue;
      }
      idle = 0;
      const [first, second, ...rest] = leases;
      await call('beat', { executor_id: name, beats: leases });
      await call('finish', {
        results: [...rest]
          .reverse()
          .concat(first ?? [])
          .map((lease) => ({ ...lease, result: { by: name } })),
      });
      if (second) await call('release', { releases: [second] });
    }
  };
  await Promise.all([...Array(4).keys()].map((i) => executor(`executor-${i}`, i % 2 === 1)));
  await canceller;
  busy = false;
  await sweeper;

  const states = await place.sql<{ state: string; n: number }>(
    `select state, count(*)::int as n from cogo.jobs group by state order by state`,
  );
  const n = Object.fromEntries(states.map((row) => [row.state, row.n]));
  assert.deepEqual(Object.keys(n).sort(), ['cancelled', 'succeeded'], JSON.stringify(n));
  assert.equal(n['cancelled']! + n['succeeded']!, total);
  assert.ok(cancels > 0);
  assert.deepEqual(await place.sql(`select * from cogo.job_slots where used <> 0`), []);
  assert.deepEqual(
    await place.sql(
      `select job_id from cogo.attempts where outcome = 'succeeded' group by job_id having count(*) <> 1`,
    ),
    [],
  );
  assert.deepEqual(await place.sql(`select job_id from cogo.attempts where ended_at is null`), []);
});

test('the same idempotency key from four sessions makes one job', { skip }, async () => {
  const answers = await Promise.all(
    Array.from({ length: 4 }, () =>
      call<{ job_id: string; duplicate: boolean }[]>('enqueue', {
        project_id: project,
        jobs: ['b', 'a', 'c'].map((key) => ({ type: 'research.run', key: `same-${key}` })),
      }),
    ),
  );
  assert.equal(new Set(answers.flat().map((job) => job.job_id)).size, 3);
  assert.equal(answers.flat().filter((job) => !job.duplicate).length, 3);
});

test('the same Idempotency-Key from four sessions lets one execute', { skip }, async () => {
  const states = await Promise.all(
    Array.from({ length: 4 }, async (_, i) => {
      const answer = await call<{ idempotency: { state: string } }>('request_begin', {
        request: {
          trace_id: `same-${i}`,
          function: 'chat',
          principal: 'x',
          idempotency: { key: 'one', request_hash: 'h' },
        },
      });
      return answer.idempotency.state;
    }),
  );
  assert.deepEqual(states.sort(), ['new', 'running', 'running', 'running']);
});

test('a bucket of 10 gives 10 of 40 concurrent calls', { skip }, async () => {
  const allowed = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const answer = await call<{ rate: { allowed: boolean } }>('request_begin', {
        request: {
          trace_id: `rate-${i}`,
          function: 'chat',
          principal: 'x',
          rate: { bucket: 'small', capacity: 10, refill_per_s: 0.0001 },
        },
      });
      return answer.rate.allowed;
    }),
  );
  assert.equal(allowed.filter(Boolean).length, 10);
});

test('two index runs begun at once: one stays, and its chunks only are shown', { skip }, async () => {
  const runs = await Promise.all(
    Array.from({ length: 4 }, () =>
      call<{ run_id: string; generation: number }>('index_begin', { project_id: project, repo: 'r' }),
    ),
  );
  assert.equal(new Set(runs.map((run) => run.generation)).size, 4);
  const ends = await Promise.all(
    runs.map((run) => place.rpc('service_role').call('index_finish', { run_id: run.run_id })),
  );
  assert.equal(ends.filter((end) => end.ok).length, 1);
  for (const end of ends) if (!end.ok) assert.equal(end.error.code, 'stale_generation');
});

test('a claim waits for nothing, whatever rows of the queue others hold', { skip }, async () => {
  await call('register_executor', { executor_id: 'patient', info: { kind: 'cogo-work', beat_s: 1 } });
  const jobs = [{ type: 'code.debug', concurrency_key: 'held' }, { type: 'code.debug' }];
  await call('enqueue', { project_id: project, jobs });
  // long ago, so that its presence is to be noted
  await place.sql(
    `update cogo.executors set last_seen = clock_timestamp() - interval '2 seconds' where id = 'patient'`,
  );
  const tables = ['executors', 'job_slots', 'lanes', 'job_quotas', 'jobs', 'job_payloads', 'job_keys'];
  await place.db.transaction(async (holder) => {
    for (const table of tables) await holder.query(`select from cogo.${table} for update`);
    for (const asked of [
      `select cogo_api.claim('patient', 10) as v`,
      `select cogo_api.turn('patient', '[]', 10) -> 'jobs' as v`,
      `select cogo_api.beat('patient', '[]') as v`,
    ]) {
      const [answer] = await place.db.transaction(async (asker) => {
        await asker.query(`set local lock_timeout = '2s'`);
        return asker.query<{ v: unknown }>(asked);
      });
      assert.deepEqual(answer!.v, [], asked);
    }
  });
});

test('a finish that comes while the lease is swept is either recorded or lost, never both', {
  skip,
}, async () => {
  for (let round = 0; round < 10; round++) {
    await call('enqueue', { project_id: project, jobs: [{ type: 'code.debug' }] });
    const [lease] = await call<Lease[]>('claim', { executor_id: 'slow', qty: 1 });
    await place.sql(
      `update cogo.jobs set lease_until = clock_timestamp() - interval '1 second' where id = $1::uuid`,
      [lease!.job_id],
    );
    const [verdicts] = await Promise.all([
      call<{ verdict: string }[]>('finish', { results: [{ ...lease, result: {} }] }),
      call('sweep'),
    ]);
    const [job] = await place.sql<{ state: string }>(`select state from cogo.jobs where id = $1::uuid`, [
      lease!.job_id,
    ]);
    assert.equal(job!.state, verdicts[0]!.verdict === 'ok' ? 'succeeded' : 'queued');
    if (job!.state === 'queued') await call('cancel', { job_id: lease!.job_id });
  }
});
