import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { ok, type Result } from '@cogo/spec/result.ts';
import { COGO_VERSION } from '@cogo/spec/version.ts';
import { freeBytes } from '../sandbox/disk.ts';
import { probeBubblewrap } from '../sandbox/probe.ts';
import { probeWatcher } from '../sandbox/watch.ts';
import { which } from '../sandbox/which.ts';
import type { Answer } from './commands.ts';
import { resolveConfig, type Flags, type WorkerConfig } from './config.ts';
import type { Io } from './io.ts';
import { connect, lookAround } from './surroundings.ts';

interface Check {
  name: string;
  /** `warn`: works, but not as it should. */
  state: 'ok' | 'warn' | 'fail';
  detail: string;
}

const GiB = 1024 ** 3;

/** `cogo-work doctor`: whether this machine can do jobs, and how well they are confined. */
export async function doctor(flags: Flags, io: Io): Promise<Result<Answer>> {
  const checks: Check[] = [
    ...machineChecks(),
    ...sandboxChecks(!flags.unsafeNoSandbox && flags.sandbox !== 'auto' && flags.sandbox !== 'unsafe-none'),
  ];
  const around = lookAround(flags, io);
  const config = around.ok ? resolveConfig(flags, around.value) : around;
  if (config.ok) {
    checks.push(...(await folderChecks(config.value.dataDir)));
    checks.push(...(await gatewayChecks(config.value)));
    const { file } = around.ok ? around.value : { file: null };
    checks.push({ name: 'rules', state: 'ok', detail: file?.path ?? 'no cogo-work.toml: the defaults' });
  } else {
    checks.push({ name: 'configuration', state: 'fail', detail: config.error.message });
  }
  const failed = checks.some((check) => check.state === 'fail');
  return ok({
    json: { ok: !failed, checks },
    text: checks
      .map(({ name, state, detail }) => `${state.padEnd(4)}  ${name.padEnd(13)}  ${detail}`)
      .join('\n'),
    ...(failed ? { exit: 1 as const } : {}),
  });
}

interface Identity {
  kind: string;
  executor: string | null;
  project_id: string | null;
}

/** The other side: does it answer, whom does it take us for, is it of our version, does its clock agree, is our name free. */
async function gatewayChecks(config: WorkerConfig): Promise<Check[]> {
  const rpc = connect(config);
  try {
    const before = performance.now();
    const who = await rpc.call<Identity>('whoami');
    const ms = Math.round(performance.now() - before);
    if (!who.ok) return [{ name: 'gateway', state: 'fail', detail: who.error.message }];
    const { kind, executor, project_id } = who.value;
    const good = kind === 'worker' || kind === 'service';
    const checks: Check[] = [
      { name: 'gateway', state: 'ok', detail: `${config.url} answers in ${ms} ms` },
      {
        name: 'token',
        state: good ? 'ok' : 'fail',
        detail: `the gateway takes this worker for a ${kind}${executor ? ` of ${executor}` : ''}`,
      },
    ];
    const version = await rpc.call<{ schema_version: string; oldest_worker?: string; now?: string }>(
      'version',
    );
    if (!version.ok) checks.push({ name: 'database', state: 'fail', detail: version.error.message });
    else {
      const { schema_version, oldest_worker: oldest, now } = version.value;
      const old = oldest !== undefined && olderThan(COGO_VERSION, oldest);
      const works = oldest === undefined ? '' : `, works with cogo-work ${oldest} and later`;
      const detail = `schema ${schema_version}${works}; this is ${COGO_VERSION}${old ? ': update cogo-work' : ''}`;
      checks.push({ name: 'database', state: old ? 'fail' : 'ok', detail });
      if (now !== undefined) checks.push(clockCheck(Date.parse(now)));
    }
    if (project_id !== null) {
      const listed = await rpc.call<ListedExecutor[]>('list_executors', { project_id });
      const same = listed.ok ? listed.value.find((row) => row.executor_id === config.executorId) : undefined;
      const host = same?.info?.host;
      if (same?.alive && host !== undefined && host !== hostname()) {
        const detail = `${config.executorId} runs on ${host} now: a worker started here would replace it. Set EXECUTOR_ID`;
        checks.push({ name: 'name', state: 'warn', detail });
      } else if (listed.ok) checks.push({ name: 'name', state: 'ok', detail: config.executorId });
    }
    return checks;
  } finally {
    await rpc.close();
  }
}

interface ListedExecutor {
  executor_id: string;
  alive: boolean;
  info?: { host?: string };
}

/** Leases are counted on a monotonic clock, so a wrong one costs no job; logs and tokens' ends are read by it. */
function clockCheck(theirs: number): Check {
  const off = (Date.now() - theirs) / 1000;
  const detail = `${Math.abs(off).toFixed(1)} s ${off < 0 ? 'behind' : 'ahead of'} the database’s`;
  return { name: 'clock', state: Math.abs(off) < 30 ? 'ok' : 'warn', detail };
}

/** By the three numbers of a version. Exported for its table test. */
export function olderThan(version: string, oldest: string): boolean {
  const numbers = (text: string) => text.split(/[.+-]/, 3).map(Number);
  const [a, b] = [numbers(version), numbers(oldest)];
  const at = a.findIndex((n, i) => n !== b[i]);
  return at >= 0 && a[at]! < b[at]!;
}

function machineChecks(): Check[] {
  const git = spawnSync('git', ['--version'], { encoding: 'utf8', timeout: 5_000 });
  const root = process.getuid?.() === 0;
  return [
    { name: 'node', state: 'ok', detail: `${process.version} on ${process.platform} ${process.arch}` },
    git.status === 0
      ? { name: 'git', state: 'ok', detail: git.stdout.trim() }
      : {
          name: 'git',
          state: 'warn',
          detail: 'not installed: repositories are copied whole, commits are not named',
        },
    root
      ? { name: 'user', state: 'warn', detail: 'the worker would run as root: better a user of its own' }
      : { name: 'user', state: 'ok', detail: 'not root' },
  ];
}

function sandboxChecks(required: boolean): Check[] {
  const probe = probeBubblewrap();
  const watcher = probeWatcher();
  return [
    probe.ok
      ? { name: 'sandbox', state: 'ok', detail: `bubblewrap ${probe.bwrap.version} works` }
      : {
          name: 'sandbox',
          state: required ? 'fail' : 'warn',
          detail: `${probe.reason}: ${required ? 'no job is taken' : 'jobs would run without a sandbox'}`,
        },
    watcher
      ? {
          name: 'watch',
          state: 'ok',
          detail: `strace ${watcher.version} tells what a job tried and was refused`,
        }
      : {
          name: 'watch',
          state: 'warn',
          detail: 'strace is missing or may not trace: what a job tries is blocked, and not told',
        },
    which('prlimit')
      ? { name: 'limits', state: 'ok', detail: 'prlimit is there' }
      : {
          name: 'limits',
          state: 'warn',
          detail: 'prlimit (util-linux) is missing: open files and file sizes are not limited',
        },
  ];
}

async function folderChecks(dataDir: string): Promise<Check[]> {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.W_OK);
    const free = await freeBytes(dataDir);
    const detail = `${dataDir}, ${(free / GiB).toFixed(1)} GiB free`;
    return [{ name: 'data', state: free > 2 * GiB ? 'ok' : 'warn', detail }];
  } catch (error) {
    return [{ name: 'data', state: 'fail', detail: `${dataDir}: ${(error as Error).message}` }];
  }
}
