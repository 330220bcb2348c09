import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { dataApiRpc } from '@cogo/client/data_api_rpc.ts';
import { removeDataDir, testDataDir } from '@cogo/stack/testing_place.ts';
import { KEEP_OUTCOMES } from '../../sql/tests/outcomes.ts';
import { until } from './field.ts';
import type { Phase } from './phase.ts';
import { WorkerProcess } from './worker_process.ts';

const CHILD = fileURLToPath(new URL('./gateway_child.ts', import.meta.url));

interface Up {
  child: ChildProcess;
  url: string;
  gateway: number;
  db: number;
  apikey: string;
  sql: string;
}

interface Status {
  job_id: string;
  state: string;
}

/** The gateway of an embedded place, with its database in it, is killed and started again on the same folder. */
export const gatewayRestart: Phase = async ({ quick, leaseS }) => {
  const dataDir = await testDataDir();
  const workers: WorkerProcess[] = [];
  let up = await start(dataDir, 0, 0);
  try {
    const rpc = dataApiRpc({ url: up.url, apikey: up.apikey });
    const call = async <T>(fn: string, args: Record<string, unknown>): Promise<T> => {
      const got = await rpc.call<T>(fn, args);
      if (!got.ok) throw new Error(`${fn}: ${got.error.message}`);
      return got.value;
    };
    const project_id = (await call<{ id: string }>('create_project', { name: 'chaos' })).id;
    const total = quick ? 30 : 100;
    const jobs = Array.from({ length: total }, () => ({
      type: 'code.debug',
      payload: { ms: 300 },
      max_attempts: 50,
    }));
    const made: Status[] = [];
    await sql(up, (db) => db.unsafe(KEEP_OUTCOMES));
    for (let at = 0; at < total; at += 25) {
      made.push(...(await call<Status[]>('enqueue', { project_id, jobs: jobs.slice(at, at + 25) })));
    }
    for (const n of [1, 2]) {
      workers.push(
        new WorkerProcess({
          executorId: `cogo-work.chaos-${n}`,
          slots: 4,
          leaseS,
          gateway: { url: up.url, apikey: up.apikey },
        }),
      );
    }
    const states = async () => {
      const rows = await call<Status[]>('list_jobs', { project_id, lim: 500 });
      const n = (state: string) => rows.filter((row) => row.state === state).length;
      return { running: n('running'), succeeded: n('succeeded'), dead: n('dead') };
    };
    const before = await until('jobs run', 40_000, async () => {
      const now = await states();
      return now.running > 0 && now.succeeded > 2 ? now : null;
    });
    const died = once(up.child, 'exit');
    up.child.kill('SIGKILL');
    await died;
    up = await start(dataDir, up.gateway, up.db);
    const from = performance.now();
    await until('a job is done', 60_000, async () =>
      (await states()).succeeded > before.succeeded + 8 ? true : null,
    );
    const recoverMs = performance.now() - from;
    await until('all jobs ended', 120_000, async () => {
      const now = await states();
      return now.succeeded + now.dead >= total ? true : null;
    }).catch((error: unknown) => console.error((error as Error).message));
    await Promise.all(workers.map((worker) => worker.stop()));
    const last = await states();
    const double = await sql(up, async (db) => {
      const twice = await db`select job_id from cogo.job_outcomes group by job_id having count(*) > 1`;
      return twice.length;
    });
    await rpc.close();
    return {
      jobs: total,
      lost: total - last.succeeded - last.dead,
      double,
      dead: last.dead,
      refused: workers.reduce((sum, worker) => sum + worker.refused, 0),
      recoverMs,
      recovered: 'from the gateway being back until jobs were done that were not held by anybody before',
      targetMs: (leaseS + 10) * 1000,
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    const ended = up.child.exitCode === null ? once(up.child, 'exit') : null;
    up.child.kill('SIGTERM');
    await ended;
    removeDataDir(dataDir);
  }
};

/** The superuser's way into the database, past the gateway. */
async function sql<T>(up: Up, work: (db: postgres.Sql) => Promise<T>): Promise<T> {
  const db = postgres(up.sql, { max: 1, onnotice: () => {} });
  try {
    return await work(db);
  } finally {
    await db.end({ timeout: 2 });
  }
}

async function start(dataDir: string, gateway: number, db: number): Promise<Up> {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, dataDir, String(gateway), String(db)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-1000);
  });
  const lines = createInterface(child.stdout);
  const answer = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}: ${said}`)));
    lines.on('line', (line) => {
      if (line.startsWith('{"url"')) resolve(line);
    });
  });
  return { child, ...(JSON.parse(answer) as Omit<Up, 'child'>) };
}
