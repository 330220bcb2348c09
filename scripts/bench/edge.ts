// From enqueue to start in an edge consumer that a doorbell wakes, in the embedded place: npm run -s bench:edge -- [--quick] [--json FILE]
// warm: the functions host is up, no consumer is at work. cold: the host was killed a moment ago and starts again meanwhile.
// Both times are the database's: created_at and started_at of the job.
import { startTestStack } from '@cogo/stack/testing_place.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import { atMost, benchArgs, finishReport, rowOf, type Row } from './report.ts';
import { quantile } from './spread.ts';

const args = benchArgs();
const size = args.quick ? { warm: 20, cold: 4 } : { warm: 60, cold: 12 };
const SYSTEM = 'cogo embedded';

const warm: number[] = [];
const cold: number[] = [];
for (let trial = 0; trial < size.cold; trial++) {
  // A stack of its own for each: a supervisor waits the longer the more often its host ended early.
  const place = await startTestStack({ functions: true });
  try {
    const { stack } = place;
    const project = await call<{ id: string }>(stack.rpc, 'create_project', { name: 'Bench' });
    await startedAfter(stack.rpc, project.id);
    for (let n = 0; trial === 0 && n < size.warm; n++) warm.push(await startedAfter(stack.rpc, project.id));
    process.kill(stack.functionsPid()!, 'SIGKILL');
    cold.push(await startedAfter(stack.rpc, project.id));
  } finally {
    await place.close();
  }
}
const rows: Row[] = [
  rowOf('enqueue to start, warm', SYSTEM, 'ms', warm),
  rowOf('enqueue to start, cold', SYSTEM, 'ms', cold),
];
const targets = [
  atMost('enqueue to start, warm, p95', 300, 'ms', quantile(warm, 0.95)),
  atMost('enqueue to start, cold, p95', 1500, 'ms', quantile(cold, 0.95)),
];
finishReport(args, { rows, targets, versions: { trials: `${warm.length} warm, ${cold.length} cold` } });
process.exit(0);

async function call<T>(rpc: Rpc, fn: string, given: Record<string, unknown> = {}): Promise<T> {
  const got = await rpc.call<T>(fn, given);
  if (!got.ok) throw new Error(`${fn}: ${got.error.code} ${got.error.message}`);
  return got.value;
}

/** Milliseconds from the enqueueing of a job to its start, once it is over and its consumer has left. */
async function startedAfter(rpc: Rpc, project_id: string): Promise<number> {
  const [made] = await call<{ job_id: string }[]>(rpc, 'enqueue', {
    project_id,
    jobs: [{ type: 'research.run', payload: { question: 'What is here?' } }],
  });
  for (;;) {
    const job = await call<{ state: string; created_at: string; started_at: string }>(rpc, 'job_status', {
      job_id: made!.job_id,
    });
    if (job.state === 'succeeded') {
      await new Promise((resolve) => setTimeout(resolve, 400));
      return Date.parse(job.started_at) - Date.parse(job.created_at);
    }
    if (job.state === 'dead') throw new Error(JSON.stringify(job));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
