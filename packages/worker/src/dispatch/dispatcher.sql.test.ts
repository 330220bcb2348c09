// Over the real SQL, on PGlite (the embedded place) or on the server of COGO_TEST_DB (native Postgres).
import { after, before } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import { rpcWorkerLink } from '../client/worker_link.ts';
import { dispatcherConformance } from './conformance.ts';
import { rpcDispatcher } from './dispatcher.ts';

let db: TestDatabase;
let service: Rpc;
before(async () => {
  db = await openTestDatabase();
  service = db.rpc('service_role');
});
after(() => db.close());

async function call<T>(fn: string, args: Record<string, unknown>): Promise<T> {
  const got = await service.call<T>(fn, args);
  if (!got.ok) throw new Error(`${fn}: ${got.error.code} ${got.error.message}`);
  return got.value;
}

dispatcherConformance('sql', async () => {
  const slug = `dispatch-${crypto.randomUUID().slice(0, 8)}`;
  const { id } = await call<{ id: string }>('create_project', { name: 'Dispatch', slug });
  const token = async (kind: string, executor?: string) =>
    (
      await call<{ token: string }>('create_token', {
        project_id: id,
        kind,
        name: 'test',
        executor: executor ?? null,
      })
    ).token;
  const tokens = {
    'cogo-plan': await token('worker', 'cogo-plan'),
    'cogo-work': await token('worker', 'cogo-work'),
  };
  // as on Supabase, where every message is a row and can be counted
  await db.sql('drop function if exists realtime.cogo_hint(jsonb, text, text)');
  await db.sql('drop table if exists realtime.cogo_ears');
  const asProject = db.rpc('anon', undefined, { 'x-cogo-token': await token('project') });
  return {
    dispatcher: rpcDispatcher(asProject),
    projectId: id,
    link: (kind) =>
      rpcWorkerLink(db.rpc('anon', undefined, { 'x-cogo-token': tokens[kind] }), `${kind}.${slug}`),
    wakes: async (executorId) => {
      const rows = await db.sql(`select from realtime.messages where topic = $1 and event = 'wake'`, [
        `agents:${executorId}`,
      ]);
      return rows.length;
    },
    close: async () => {},
  };
});
