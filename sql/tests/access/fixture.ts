import { randomUUID } from 'node:crypto';
import type { Rpc } from '@cogo/client/rpc.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';

/** Who calls. The project is private; strangers belong to another private project. */
export const WHO = [
  'anon',
  'stranger',
  'otherWorker',
  'planWorker',
  'worker',
  'viewer',
  'editor',
  'token',
  'service',
] as const;
export type Who = (typeof WHO)[number];

export interface Fixture {
  place: TestDatabase;
  project: string;
  rpc: Record<Who, Rpc>;
  users: { owner: string; viewer: string; editor: string; stranger: string };
  /** A call as the server that must succeed. */
  service<T>(fn: string, args?: Record<string, unknown>): Promise<T>;
  /** An embedding model of the project, being built. */
  model(): Promise<string>;
  /** An open index run. */
  run(): Promise<string>;
  /** A job that waits a day. */
  job(): Promise<string>;
  /** A job held by an executor of the server. */
  held(): Promise<{ job_id: string; token: string }>;
  /** A batch of one job. */
  batch(): Promise<string>;
  /** A job in the dead letters. */
  dead(): Promise<string>;
  token(): Promise<string>;
  ticket(): Promise<string>;
  trace(): Promise<string>;
  session(): Promise<string>;
}

export async function openFixture(): Promise<Fixture> {
  const place = await openTestDatabase();
  const service = async <T>(fn: string, args: Record<string, unknown> = {}): Promise<T> => {
    const result = await place.rpc('service_role').call<T>(fn, args);
    if (!result.ok) throw new Error(`${fn}: ${result.error.message}`);
    return result.value;
  };
  const create = async (name: string) => (await service<{ id: string }>('create_project', { name })).id;
  const project = await create('Mine');
  const other = await create('Other');
  const users = { owner: randomUUID(), viewer: randomUUID(), editor: randomUUID(), stranger: randomUUID() };
  await service('add_member', { project_id: project, user_id: users.owner, role: 'owner' });
  await service('add_member', { project_id: project, user_id: users.viewer, role: 'viewer' });
  await service('add_member', { project_id: project, user_id: users.editor, role: 'editor' });
  await service('add_member', { project_id: other, user_id: users.stranger, role: 'owner' });

  const user = (sub: string) => place.rpc('authenticated', { sub, role: 'authenticated' });
  const bearer = async (project_id: string, kind: string, executor?: string) => {
    const made = await service<{ token: string }>('create_token', {
      project_id,
      kind,
      name: 'test',
      ...(executor ? { executor } : {}),
    });
    return place.rpc('anon', undefined, { 'x-cogo-token': made.token });
  };
  const rpc: Record<Who, Rpc> = {
    anon: place.rpc('anon'),
    stranger: user(users.stranger),
    otherWorker: await bearer(other, 'worker', 'cogo-work'),
    planWorker: await bearer(project, 'worker', 'cogo-plan'),
    worker: await bearer(project, 'worker', 'cogo-work'),
    viewer: user(users.viewer),
    editor: user(users.editor),
    token: await bearer(project, 'project'),
    service: place.rpc('service_role'),
  };

  let made = 0;
  const enqueue = async (job: Record<string, unknown>) =>
    (
      await service<{ job_id: string }[]>('enqueue', {
        project_id: project,
        jobs: [{ type: 'code.debug', ...job }],
      })
    )[0]!.job_id;
  const held = async () => {
    const executor = `holder-${++made}`;
    await enqueue({ pin: executor });
    return (await service<{ job_id: string; token: string }[]>('claim', { executor_id: executor }))[0]!;
  };
  return {
    place,
    project,
    rpc,
    users,
    service,
    held,
    run: async () =>
      (await service<{ run_id: string }>('index_begin', { project_id: project, repo: `repo-${++made}` }))
        .run_id,
    model: async () =>
      (
        await service<{ name: string }>('embed_start', {
          project_id: project,
          model: { name: `model-${++made}`, dims: 3, fingerprint: 'f' },
        })
      ).name,
    job: () => enqueue({ delay_s: 86_400 }),
    batch: async () =>
      (
        await service<{ batch_id: string }[]>('enqueue', {
          project_id: project,
          jobs: [{ type: 'code.debug', delay_s: 86_400 }],
          batch: {},
        })
      )[0]!.batch_id,
    dead: async () => {
      const { job_id, token } = await held();
      await service('fail', {
        failures: [{ job_id, token, error: { code: 'x', message: 'x' }, retryable: false }],
      });
      return job_id;
    },
    token: async () =>
      (await service<{ id: string }>('create_token', { project_id: project, kind: 'project', name: 'spare' }))
        .id,
    ticket: async () => {
      await place.sql(
        `insert into cogo.doorbells (executor, ticket_hash, rung_at) values ('cogo-plan', sha256('ring'), clock_timestamp())
         on conflict (executor) do update set ticket_hash = excluded.ticket_hash, rung_at = excluded.rung_at`,
      );
      return 'ring';
    },
    trace: async () => {
      const trace_id = `trace-${++made}`;
      await service('request_begin', {
        request: { trace_id, function: 'chat', principal: 'service', project_id: project },
      });
      return trace_id;
    },
    session: async () =>
      (
        await service<{ session_id: string }>('chat_begin', {
          project_id: project,
          session_id: null,
          trace_id: `trace-${++made}`,
          messages: [{ role: 'user', content: 'hello' }],
          model: 'cogo-embedded',
        })
      ).session_id,
  };
}
