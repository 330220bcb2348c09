import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { sqlWorld } from './client/sql_world.ts';
import { openRealtime } from './testing_realtime.ts';
import { realtimeWake } from './wake.ts';

let db: TestDatabase;
before(async () => {
  db = await openTestDatabase();
});
after(() => db.close());

const INFO = {
  kind: 'cogo-work' as const,
  version: '0',
  slots: 1,
  types: null,
  sandbox: 'none',
  host: 'h',
  platform: 'p',
  instance: 'i',
  beatS: 4,
};

test('a worker hears at once of a job that became ready and of a cancellation', async (t) => {
  const realtime = await openRealtime(db);
  t.after(realtime.close);
  const world = await sqlWorld(db);
  const link = world.link();
  assert.ok((await link.register(INFO)).ok);
  const made = await world.service.call<{ token: string }>('create_token', {
    project_id: world.project,
    kind: 'worker',
    name: 'wake',
    executor: 'cogo-work',
  });
  assert.ok(made.ok);

  const rings: string[] = [];
  let notify = () => {};
  const ring = (what: string) => () => {
    rings.push(what);
    notify();
  };
  const heard = async (what: string) => {
    while (!rings.includes(what)) {
      await new Promise<void>((resolve) => {
        notify = resolve;
      });
    }
  };
  const wake = realtimeWake({
    url: realtime.url,
    apikey: 'sb_publishable_test',
    token: made.value.token,
    executorId: link.executorId,
    onJoin: ring('joined'),
  });
  t.after(wake({ work: ring('work'), beat: ring('beat') }));
  await heard('joined');
  await heard('work');
  rings.length = 0;
  const jobId = await world.enqueue();
  await heard('work');
  assert.ok((await link.claim({ qty: 1, leaseS: 30, includeTypes: null })).ok);
  await world.cancel(jobId);
  await heard('beat');
});
