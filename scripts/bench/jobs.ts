// Durable jobs side by side with graphile-worker, pg-boss and raw pgmq on one native PostgreSQL:
//   npm run -s bench:jobs -- [--quick] [--smoke] [--json FILE] [--backlog ROWS] [--held SECONDS] [--only MEASURE]
// Takes the server of COGO_TEST_DB, else the one of scripts/postgres17. --smoke: about a minute, exits 1 when the batched drain is
// slower than graphile-worker's. --only: measures whose name starts so.
import { loadavg } from 'node:os';
import { openGraphile } from './jobs/graphile.ts';
import { measure, type Measured } from './jobs/measure.ts';
import { openOurs } from './jobs/ours.ts';
import { openPgBoss } from './jobs/pg_boss.ts';
import { openRawPgmq } from './jobs/raw_pgmq.ts';
import { ratioTable } from './jobs/ratios.ts';
import { openServer } from './jobs/server.ts';
import { FULL, jobsArgs, QUICK, SMOKE } from './jobs/sizes.ts';
import { ENQUEUE_BATCH, PAYLOAD, type QueueSystem } from './jobs/system.ts';
import { finishReport, packageVersion, rowOf, writeReport } from './report.ts';

const args = jobsArgs();
const size = {
  ...(args.smoke ? SMOKE : args.quick ? QUICK : FULL),
  ...(args.backlog === undefined ? {} : { backlog: args.backlog }),
  ...(args.held === undefined ? {} : { held: { rate: 800, seconds: args.held } }),
};
const load = loadavg()[0]!;
const server = await openServer();
const maxConnections = Math.max(16, ...size.workers) + 4;
const systems: QueueSystem[] = [];
/** What only ours has needs no peer. */
const alone = /^(per-key|light|snapshot)/.test(args.only ?? '');
// Two systems keep a session for each of the most workers, and a third one opens as many for a run; up to 32 a usual server does.
const most = Math.max(0, ...size.workers);
const needed = 3 * maxConnections + 30;
if (
  most > 32 &&
  server.connections < needed &&
  `single claim and finish, ${most} workers`.startsWith(args.only ?? '')
) {
  await server.close();
  console.error(
    `The server takes ${server.connections} connections and ${needed} are needed: start it with max_connections = ${needed} (scripts/postgres17 stop, then start, sets 300).`,
  );
  process.exit(2);
}
let met = true;
try {
  systems.push(await openOurs(await server.database('cogo'), maxConnections));
  if (!alone) systems.push(await openGraphile(await server.database('graphile'), 8));
  if (!args.smoke && !alone) {
    systems.push(await openPgBoss(await server.database('pgboss'), 20));
    systems.push(await openRawPgmq(await server.database('pgmq'), maxConnections, '1.11'));
  }
  const versions = {
    postgres: server.version,
    synchronous_commit: server.synchronousCommit,
    ...Object.fromEntries(
      ['postgres', 'graphile-worker', 'pg-boss', 'pg', '@electric-sql/pglite-pgmq'].map((name) => [
        name === 'postgres' ? 'postgres.js' : name,
        packageVersion(name),
      ]),
    ),
    method: `${size.runs} runs, ${JSON.stringify(PAYLOAD).length} B payload, ${ENQUEUE_BATCH} a call, ${JSON.stringify(size)}`,
  };
  const report = ({ rows, targets, failed }: Measured) => ({
    rows: [...rows, rowOf('load average (1 min) before and after', 'machine', '', [load, loadavg()[0]!])],
    targets,
    versions: { ...versions, ...(failed.length === 0 ? {} : { failed: failed.join('; ') }) },
  });
  // A peer that breaks in the background must not take the results of the others with it.
  process.on('unhandledRejection', (error) => console.error(`in the background: ${String(error)}`));
  const so = await measure(systems, size, {
    only: args.only ?? '',
    checkpoint: server.checkpoint,
    say: (line) => console.error(line),
    save: (now) => writeReport(args.json, report(now)),
  });
  finishReport({ quick: args.quick, json: args.json }, report(so));
  const { rows, targets } = so;
  console.log(`\n${ratioTable(rows, systems[0]!.name)}`);
  const smoke = targets.find((target) => target.measure === 'batched drain against graphile-worker');
  met = !args.smoke || (smoke !== undefined && smoke.value >= 1);
  if (!met)
    console.error(`smoke: the batched drain is ${smoke?.value} x graphile-worker's; at least 1 is needed`);
} finally {
  for (const system of systems) await system.close().catch(() => {});
  await server.close();
}
// pg-boss keeps a timer or two.
process.exit(met ? 0 : 1);
