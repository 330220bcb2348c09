// What the jobs survive, on a native PostgreSQL with real worker processes:
//   node --import tsx scripts/chaos/main.ts [--phase NAME]... [--quick] [--json FILE]
// Each phase tells jobs lost, outcomes recorded twice and the time to recover; exits 1 when a phase loses or doubles a job, takes
// longer than its target or ends in an error. Server: COGO_TEST_DB, else that of scripts/postgres17 (which can be restarted).
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { prepareCogo } from '../bench/jobs/ours.ts';
import { openServer } from '../bench/jobs/server.ts';
import { LEASE_S } from './field.ts';
import { gatewayRestart } from './gateway_phase.ts';
import { type Phase, type PhaseResult, Skipped } from './phase.ts';
import { backendKill, heldSnapshot, poolExhaustion, postgresRestart, queuePurge } from './server_phases.ts';
import { clockJump, halfOpenSocket, sigkill, sigstop } from './worker_phases.ts';
import { zombies } from './zombies.ts';

const PHASES: Record<string, Phase> = {
  sigkill,
  sigstop,
  'postgres-restart': postgresRestart,
  'backend-kill': backendKill,
  'half-open-socket': halfOpenSocket,
  'pool-exhaustion': poolExhaustion,
  'held-snapshot': heldSnapshot,
  'queue-purge': queuePurge,
  'clock-jump': clockJump,
  'gateway-restart': gatewayRestart,
  zombies,
};
const POSTGRES17 = fileURLToPath(new URL('../postgres17', import.meta.url));

interface Line extends Partial<PhaseResult> {
  phase: string;
  ok: boolean;
  skipped?: string;
  seconds: number;
}

const args = chaosArgs();
const server = await openServer();
const lines: Line[] = [];
try {
  for (const phase of args.phases) {
    const from = performance.now();
    const line = await run(phase);
    lines.push({ ...line, seconds: Math.round((performance.now() - from) / 100) / 10 });
    console.log(render(lines.at(-1)!));
  }
} finally {
  await server.close();
}
const report = {
  commit: execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=40'], {
    encoding: 'utf8',
  }).trim(),
  postgres: server.version,
  node: process.version,
  lease_s: LEASE_S,
  load_average: loadavg().map((load) => Math.round(load * 10) / 10),
  phases: lines,
};
if (args.json) {
  mkdirSync(dirname(resolve(args.json)), { recursive: true });
  writeFileSync(args.json, `${JSON.stringify(report, null, 2)}\n`);
}
const bad = lines.filter((line) => !line.ok);
console.log(
  `${lines.length} phases, ${bad.length} failed, ${lines.filter((line) => line.skipped).length} skipped; load ${report.load_average[0]}`,
);
process.exit(bad.length > 0 ? 1 : 0);

async function run(phase: string): Promise<Omit<Line, 'seconds'>> {
  try {
    const result = await PHASES[phase]!({
      quick: args.quick,
      database: async () => {
        const url = await server.database('chaos');
        await prepareCogo(url);
        return url;
      },
      restartServer: process.env['COGO_TEST_DB'] ? null : restart,
    });
    const late = result.recoverMs !== null && result.targetMs !== null && result.recoverMs > result.targetMs;
    return { phase, ok: !result.failed && !late && result.lost === 0 && result.double === 0, ...result };
  } catch (error) {
    if (error instanceof Skipped) return { phase, ok: true, skipped: error.message };
    return { phase, ok: false, failed: (error as Error).message };
  }
}

async function restart(): Promise<void> {
  execFileSync(POSTGRES17, ['stop'], { stdio: 'ignore' });
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
      },
    });
    const phases = values.phase ?? names;
    const unknown = phases.find((name) => !names.includes(name));
    if (unknown) throw new Error(`no phase ${unknown}: ${names.join(', ')}`);
    return { phases, quick: values.quick, json: values.json };
  } catch (error) {
    console.error(
      `${(error as Error).message}\nUse: node --import tsx scripts/chaos/main.ts [--phase NAME]... [--quick] [--json FILE]`,
    );
    process.exit(2);
  }
}
