// What identities may do with jobs beyond who is let in at all (access.test.ts): a refused call leaves no trace, a token that is known
// is not enough, and nothing of another project can be named.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Fixture, openFixture, WHO, type Who } from './fixture.ts';
import { MATRIX } from './matrix.ts';

let f: Fixture;
before(async () => {
  f = await openFixture();
});
after(() => f.place.close());

/** Everything the queue knows of a job, and how many jobs there are. */
async function all(job_id: string): Promise<unknown> {
  return f.place.sql(
    `select to_jsonb(j) as job, to_jsonb(p) as payload, (select count(*)::int from cogo.jobs) as jobs,
            (select count(*)::int from cogo.job_events e where e.job_id = j.id) as events,
            (select count(*)::int from cogo.job_steps s where s.job_id = j.id) as steps
       from cogo.jobs j join cogo.job_payloads p on p.job_id = j.id where j.id = $1::uuid`,
    [job_id],
  );
}

const error = { code: 'x', message: 'x' };
/** What a worker may say of a lease, with all that it could bring along. */
const SAID: Record<string, (lease: object) => Record<string, unknown>> = {
  finish: (lease) => ({ results: [{ ...lease, result: { stolen: 1 }, children: [{ type: 'code.debug' }] }] }),
  turn: (lease) => ({ executor_id: 'thief', results: [{ ...lease, result: { stolen: 1 } }] }),
  fail: (lease) => ({ failures: [{ ...lease, error, retryable: false }] }),
  release: (lease) => ({
    releases: [{ ...lease, checkpoint: { stolen: 1 }, steps: [{ name: 's', output: 1 }], await: true }],
  }),
  beat: (lease) => ({
    executor_id: 'thief',
    beats: [{ ...lease, progress: { stolen: 1 }, log: 'stolen', steps: [{ name: 's', output: 1 }] }],
  }),
};

for (const [fn, args] of Object.entries(SAID)) {
  test(`${fn} with a live token that is known to somebody else changes nothing`, async () => {
    const { job_id, token } = await f.held();
    const before = await all(job_id);
    for (const who of WHO.filter((one) => !['service', 'worker', 'planWorker'].includes(one))) {
      const answer = await f.rpc[who].call<unknown>(fn, args({ job_id, token }));
      if (who === 'otherWorker') {
        assert.ok(answer.ok, who);
        const said = fn === 'turn' ? (answer.value as { verdicts: unknown }).verdicts : answer.value;
        const [verdict] = said as { verdict: string; state?: string }[];
        assert.deepEqual([verdict!.verdict, verdict!.state ?? null], ['lost', null]);
      } else assert.equal(answer.ok, false, who);
      assert.deepEqual(await all(job_id), before, who);
    }
  });
}

for (const fn of ['cancel', 'pin', 'redrive'] as const) {
  test(`${fn} changes nothing for those whom it refuses`, async () => {
    const { job_id, token } = await f.held();
    await f.service('fail', { failures: [{ job_id, token, error, retryable: false }] });
    const target = fn === 'redrive' ? job_id : await f.job();
    const before = await all(target);
    const allowed = MATRIX[fn]!.expect.split(' ');
    for (const [i, who] of WHO.entries()) {
      if (allowed[i] === 'ok') continue;
      const more = fn === 'pin' ? { executor_id: 'mine' } : {};
      assert.equal((await f.rpc[who].call(fn, { job_id: target, ...more })).ok, false, who);
      assert.deepEqual(await all(target), before, who);
    }
  });
}

test('nothing of another project can be named in an enqueue: no batch, no parent', async () => {
  const theirs = await f.service<{ id: string }>('create_project', { name: 'Theirs' });
  const [made] = await f.service<{ job_id: string; batch_id: string }[]>('enqueue', {
    project_id: theirs.id,
    jobs: [{ type: 'code.debug', delay_s: 60 }],
    batch: {},
  });
  const count = () => f.place.sql('select count(*)::int as n from cogo.jobs');
  const before = await count();
  const job = { type: 'code.debug' };
  const batch = await f.rpc.editor.call('enqueue', {
    project_id: f.project,
    jobs: [job],
    batch: { id: made!.batch_id },
  });
  assert.equal(batch.ok ? 'ok' : batch.error.code, 'not_found');
  const parent = await f.rpc.editor.call('enqueue', {
    project_id: f.project,
    jobs: [{ ...job, parent_id: made!.job_id }],
  });
  assert.equal(parent.ok ? 'ok' : parent.error.sqlstate, 'CG004');
  assert.deepEqual(await count(), before, 'nothing was made');
  const [row] = await f.place.sql('select jobs from cogo.job_batches where id = $1::uuid', [made!.batch_id]);
  assert.deepEqual(row, { jobs: 1 });
  const status = await f.rpc.editor.call('batch_status', { batch_id: made!.batch_id });
  assert.equal(status.ok ? 'ok' : status.error.code, 'not_found');
});

test('limits are for owners and admins, and for the server', async () => {
  const limit = { project_id: f.project, job_limit: { kind: 'project', queue_limit: 1000 } };
  const owner = f.place.rpc('authenticated', { sub: f.users.owner, role: 'authenticated' });
  assert.ok((await owner.call('set_job_limit', limit)).ok);
  for (const who of ['editor', 'viewer', 'token', 'worker', 'stranger', 'anon'] satisfies Who[]) {
    assert.equal((await f.rpc[who].call('set_job_limit', limit)).ok, false, who);
  }
});

test('the events of a job are for those who may read it, over Realtime as well', async () => {
  const job_id = await f.job();
  const may = async (who: 'viewer' | 'stranger') => {
    const [row] = await f.place.db.transaction(async (tx) => {
      await tx.query(`select set_config('request.jwt.claims', $1, true)`, [
        JSON.stringify({ role: 'authenticated', sub: f.users[who] }),
      ]);
      return tx.query<{ may: boolean }>('select cogo.can_read_topic($1) as may', [`jobs:${job_id}`]);
    });
    return row!.may;
  };
  assert.deepEqual([await may('viewer'), await may('stranger')], [true, false]);
});
