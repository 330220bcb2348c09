import type { Rpc } from '@cogo/client/rpc.ts';
import type { TestDatabase } from '@cogo/stack/testing.ts';
import type { Result } from '@cogo/spec/result.ts';
import type { ConformanceWorld } from './conformance.ts';
import { rpcWorkerLink } from './worker_link.ts';

/** The real SQL as a world of the conformance suite: a worker with a token of its own, and the server's side. */
export async function sqlWorld(
  db: TestDatabase,
): Promise<ConformanceWorld & { worker: Rpc; service: Rpc; project: string }> {
  const service = db.rpc('service_role');
  const slug = `worker-${crypto.randomUUID().slice(0, 8)}`;
  const made = value(await service.call<{ id: string }>('create_project', { name: 'worker test', slug }));
  const { token } = value(
    await service.call<{ token: string }>('create_token', {
      project_id: made.id,
      kind: 'worker',
      name: 'test',
      executor: 'cogo-work',
    }),
  );
  const worker = db.rpc('anon', undefined, { 'x-cogo-token': token });
  const status = async (jobId: string) =>
    value(await service.call<Record<string, unknown>>('job_status', { job_id: jobId }));
  return {
    worker,
    service,
    project: made.id,
    // A name of its own for each world: names are global and a database may be shared.
    link: (executorId = `cogo-work.${slug}`) => rpcWorkerLink(worker, executorId),
    enqueue: async ({ type = 'code.build.test', payload = {} } = {}) => {
      const jobs = [{ type, payload, max_attempts: 3 }];
      return value(await service.call<{ job_id: string }[]>('enqueue', { project_id: made.id, jobs }))[0]!
        .job_id;
    },
    cancel: async (jobId) => void value(await service.call('cancel', { job_id: jobId })),
    expire: async (jobId) => {
      await db.sql(
        `update cogo.jobs set lease_until = clock_timestamp() - interval '1 second' where id = $1 and state = 'running'`,
        [jobId],
      );
      value(await service.call('sweep'));
    },
    state: async (jobId) => {
      const row = await status(jobId);
      return {
        state: String(row['state']),
        failures: Number(row['failures']),
        leaseLosses: Number(row['lease_losses']),
        result: row['result'],
      };
    },
    makeReady: async (jobId) => {
      await db.sql(`update cogo.jobs set run_at = clock_timestamp() where id = $1 and state = 'scheduled'`, [
        jobId,
      ]);
      value(await service.call('sweep'));
    },
    close: async () => {},
  };
}

function value<T>(got: Result<T>): T {
  if (!got.ok)
    throw new Error(`${got.error.code}: ${got.error.message} ${JSON.stringify(got.error.details ?? '')}`);
  return got.value;
}
