// What the jobs survive, on a native PostgreSQL with real worker processes:
//   node --import tsx scripts/chaos/main.ts [--phase NAME]... [--quick] [--json FILE]
// Each phase tells jobs lost, outcomes recorded twice and the time to recover; exits 1 when a phase loses or doubles a job, takes
// longer than its target or ends in an error. Server: COGO_TEST_DB, else that of scripts/postgres17 (which can be restarted).
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import postgres from 'postgres';
import { KEEP_OUTCOMES } from '../../sql/tests/outcomes.ts';
import { prepareCogo } from '../bench/jobs/ours.ts';
import { openServer } from '../bench/jobs/server.ts';
import { SWEEP_MS } from './field.ts';
import { flood } from './flood.ts';
import { gatewayRestart } from './gateway_phase.ts';
import { type Phase, type PhaseResult, Skipped } from './phase.ts';
import {
  backendKill,
  heldSnapshot,
  poolExhaustion,
  postgresCrash,
  postgresRestart,
  queuePurge,
} from './server_phases.ts';
import { clockJump, halfOpenSocket, SEEN_LEASE_S, sigkill, sigkillSeen, sigstop } from './worker_phases.ts';
import { zombies } from './zombies.ts';

const PHASES: Record<string, Phase> = {
  // the longest first
  'gateway-restart': gatewayRestart,
  'half-open-socket': halfOpenSocket,
  sigkill,
  'sigkill-seen': sigkillSeen,
  sigstop,
  'postgres-restart': postgresRestart,
  'postgres-crash': postgresCrash,
  'backend-kill': backendKill,
  'pool-exhaustion': poolExhaustion,
  'held-snapshot': heldSnapshot,
  'queue-purge': queuePurge,
  'clock-jump': clockJump,
  zombies,
  flood,
};
/** Phases that every database of the server feels: nothing runs beside them. In a quick run the others do, each on its own database. */
const WHOLE_SERVER = ['postgres-restart', 'postgres-crash', 'pool-exhaustion'];
const POSTGRES17 = fileURLToPath(new URL('../postgres17', import.meta.url));

interface Line extends Partial<PhaseResult> {
  phase: string;
  ok: boolean;
  skipped?: string;
  seconds: number;
  quick: boolean;
  lease_s: number;
  load: number;
  commit: string;
}

const USE = 'Use: node --import tsx scripts/chaos/main.ts [--phase NAME]... [--quick] [--json FILE]';
const args = chaosArgs();
/** Seconds; 5 is the shortest that claim takes, 30 what workers ask for. */
const leaseS = args.quick ? 5 : 30;
const commit = execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=40'], {
  encoding: 'utf8',
}).trim();
const server = await openServer();
const lines: Line[] = [];
try {
  const [alone, aside] = [true, false].map((whole) =>
    args.phases.filter((phase) => WHOLE_SERVER.includes(phase) === whole),
  ) as [string[], string[]];
  const next = async () => {
    for (let phase = aside.shift(); phase !== undefined; phase = aside.shift()) await one(phase);
  };
  await Promise.all(Array.from({ length: args.quick ? 4 : 1 }, next));
  for (const phase of alone) await one(phase);
} finally {
  await server.close();
}
const bad = lines.filter((line) => !line.ok);
console.log(
  `${lines.length} phases, ${bad.length} failed, ${lines.filter((line) => line.skipped).length} skipped; load ${loads()[0]}`,
);
process.exit(bad.length > 0 ? 1 : 0);

async function one(phase: string): Promise<void> {
  const from = performance.now();
  const line = await run(phase);
  const seconds = Math.round((performance.now() - from) / 100) / 10;
  const lease_s = phase === 'sigkill-seen' ? SEEN_LEASE_S : leaseS;
  lines.push({ ...line, seconds, quick: args.quick, lease_s, load: loads()[0]!, commit });
  console.log(render(lines.at(-1)!));
  write();
}

/** After each phase: what was measured stays when a later one takes the machine down. So do phases of an earlier run. */
function write(): void {
  if (!args.json) return;
  const file = resolve(args.json);
  const before = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { phases: Line[] }).phases
    : [];
  const kept = before.filter((line) => !lines.some(({ phase }) => phase === line.phase));
  const order = Object.keys(PHASES);
  const phases = [...kept, ...lines].sort((a, b) => order.indexOf(a.phase) - order.indexOf(b.phase));
  const report = { postgres: server.version, node: process.version, sweep_ms: SWEEP_MS, phases };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
}

function loads(): number[] {
  return loadavg().map((load) => Math.round(load * 10) / 10);
}

async function run(phase: string): Promise<Pick<Line, 'phase' | 'ok'> & Partial<Line>> {
  try {
    const result = await PHASES[phase]!({
      quick: args.quick,
      leaseS,
      database: async () => {
        const url = await server.database('chaos');
        await prepareCogo(url);
        const db = postgres(url, { max: 1, onnotice: () => {} });
        await db.unsafe(KEEP_OUTCOMES).finally(() => db.end());
        return url;
      },
      restartServer: process.env['COGO_TEST_DB'] ? null : () => restart('stop'),
      crashServer: process.env['COGO_TEST_DB'] ? null : () => restart('crash'),
    });
    const late = result.recoverMs !== null && result.targetMs !== null && result.recoverMs > result.targetMs;
    return { phase, ok: !result.failed && !late && result.lost === 0 && result.double === 0, ...result };
  } catch (error) {
    if (error instanceof Skipped) return { phase, ok: true, skipped: error.message };
    return { phase, ok: false, failed: (error as Error).message };
  }
}

async function restart(how: 'stop' | 'crash'): Promise<void> {
  execFileSync(POSTGRES17, [how], { stdio: 'ignore' });
  execFileSync(POSTGRES17, ['start'], { stdio: 'ignore' });
}

function render(line: Line): string {
  const head = `${line.ok ? (line.skipped ? 'skipped' : 'ok     ') : 'FAILED '} ${line.phase.padEnd(17)}`;
  if (line.skipped) return `${head} ${line.skipped}`;
  if (line.jobs === undefined) return `${head} ${line.failed} (${line.seconds} s)`;
  const recover =
    line.recoverMs === null || line.recoverMs === undefined
      ? ''
      : `, recovered in ${Math.round(line.recoverMs)} ms (<= ${line.targetMs}; ${line.recovered})`;
  const more = line.more
    ? `; ${Object.entries(line.more)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}`
    : '';
  return `${head} ${line.jobs} jobs: lost ${line.lost}, double ${line.double}, dead ${line.dead}, stale calls refused ${line.refused}${recover}${more}${line.failed ? `; ${line.failed}` : ''} (${line.seconds} s)`;
}

function chaosArgs(): { phases: string[]; quick: boolean; json: string | undefined } {
  const names = Object.keys(PHASES);
  try {
    const { values } = parseArgs({
      options: {
        phase: { type: 'string', multiple: true },
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(`${USE}\nPhases: ${names.join(', ')}`);
      process.exit(0);
    }
    const phases = values.phase ?? names;
    const unknown = phases.find((name) => !names.includes(name));
    if (unknown) throw new Error(`no phase ${unknown}: ${names.join(', ')}`);
    return { phases, quick: values.quick, json: values.json };
  } catch (error) {
    console.error(`${(error as Error).message}\n${USE}`);
    process.exit(2);
  }
}
