import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { ok, type Result } from '@cogo/spec/result.ts';
import { freeBytes } from '../sandbox/disk.ts';
import { probeBubblewrap } from '../sandbox/probe.ts';
import { probeWatcher } from '../sandbox/watch.ts';
import { which } from '../sandbox/which.ts';
import type { Answer } from './commands.ts';
import { resolveConfig, type Flags } from './config.ts';
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
    const rpc = connect(config.value);
    const before = performance.now();
    const who = await rpc.call<{ kind: string; executor: string | null }>('whoami');
    await rpc.close();
    const ms = Math.round(performance.now() - before);
    checks.push(
      who.ok
        ? { name: 'gateway', state: 'ok', detail: `${config.value.url} answers in ${ms} ms` }
        : { name: 'gateway', state: 'fail', detail: who.error.message },
    );
    if (who.ok) {
      const good = who.value.kind === 'worker' || who.value.kind === 'service';
      const detail = `the gateway takes this worker for a ${who.value.kind}${who.value.executor ? ` of ${who.value.executor}` : ''}`;
      checks.push({ name: 'token', state: good ? 'ok' : 'fail', detail });
    }
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
