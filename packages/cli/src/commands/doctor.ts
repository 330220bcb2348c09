import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { choosePort, DEFAULT_PORTS } from '@cogo/stack/place/ports.ts';
import type { Command } from 'commander';
import { addCommand, withData, type DataOption, type Host, type Run } from '../command.ts';
import {
  checkAccelerators,
  checkDisk,
  checkModes,
  checkNode,
  checkPorts,
  type Check,
} from '../doctor/check.ts';
import { INSTALL_ROOT } from '../install.ts';
import { connect } from '../session/connect.ts';
import { dataDir } from '../session/data_dir.ts';
import { stackHealth } from '../session/health.ts';
import { stackState } from '../session/running.ts';

/** `cogo doctor`: what this machine has, lacks, and what to do. */
export function registerDoctor(host: Host, root: Command): void {
  addCommand<DataOption>(host, root, {
    name: 'doctor',
    about: 'check this machine and the running stack, and say what to do',
    after: 'Exits 1 when something the stack cannot do without is missing.',
    options: withData,
    action: async (run, options) => {
      const dir = dataDir(run.io, options);
      const checks = [
        checkNode(process.versions.node),
        checkInstall(),
        await checkDeno(),
        checkGit(),
        await checkSandbox(),
        checkWritable(dir),
        checkDisk(freeBytes(dir)),
        checkModes(secretFiles(dir)),
        ...(await checkStack(run, options, dir)),
      ];
      const ok = checks.every((check) => check.state !== 'fail');
      const text = checks.map(line).join('\n');
      return {
        json: { ok, data: dir, checks },
        text: `${text}\n${ok ? 'Ready.' : 'Not ready: see above.'}`,
        exit: ok ? 0 : 1,
      };
    },
  });
}

const SIGNS = { ok: '✓', warn: '!', fail: '✗' };

function line({ name, state, found, todo }: Check): string {
  return `${SIGNS[state]} ${name}: ${found}${todo ? `\n    do: ${todo}` : ''}`;
}

function checkInstall(): Check {
  const missing = ['functions', 'supabase/migrations'].filter(
    (path) => !existsSync(join(INSTALL_ROOT, path)),
  );
  if (missing.length === 0) return { name: 'installation', state: 'ok', found: INSTALL_ROOT };
  return {
    name: 'installation',
    state: 'fail',
    found: `${INSTALL_ROOT} lacks ${missing.join(' and ')}`,
    todo: 'install it again',
  };
}

async function checkDeno(): Promise<Check> {
  const { findDeno } = await import('@cogo/stack/functions/deno_binary.ts');
  const deno = findDeno();
  if (!deno.ok)
    return {
      name: 'deno',
      state: 'fail',
      found: deno.error.message,
      todo: 'run npm ci; install scripts must be allowed for deno',
    };
  const asked = spawnSync(deno.value, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  if (asked.status === 0) return { name: 'deno', state: 'ok', found: asked.stdout.split('\n')[0]!.trim() };
  return {
    name: 'deno',
    state: 'fail',
    found: asked.error?.message ?? asked.stderr.trim(),
    todo: 'run npm ci again',
  };
}

function checkGit(): Check {
  const asked = spawnSync('git', ['--version'], { encoding: 'utf8', timeout: 5000 });
  if (asked.status === 0) return { name: 'git', state: 'ok', found: asked.stdout.trim() };
  return {
    name: 'git',
    state: 'warn',
    found: 'not installed: all files of a folder are indexed, without commits',
    todo: 'install git',
  };
}

async function checkSandbox(): Promise<Check> {
  const { probeBubblewrap } = await import('@cogo/worker/sandbox/probe.ts');
  const probe = probeBubblewrap();
  if (probe.ok) return { name: 'sandbox', state: 'ok', found: `bubblewrap ${probe.bwrap.version}` };
  return {
    name: 'sandbox',
    state: 'warn',
    found: `${probe.reason}: builds and tests run without a sandbox`,
    todo: 'install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap), or build only code you trust',
  };
}

function checkWritable(dir: string): Check {
  const place = nearest(dir);
  try {
    accessSync(place, constants.W_OK);
    return { name: 'data folder', state: 'ok', found: dir };
  } catch {
    return {
      name: 'data folder',
      state: 'fail',
      found: `${place} cannot be written`,
      todo: 'choose another one with --data or COGO_DATA',
    };
  }
}

function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(nearest(dir));
  return bavail * bsize;
}

/** The folder itself, or the nearest one above it that exists. */
function nearest(dir: string): string {
  return existsSync(dir) || dir === dirname(dir) ? dir : nearest(dirname(dir));
}

function secretFiles(dir: string): { path: string; mode: number }[] {
  return ['keys.json', 'stack.json', 'tokens.json']
    .map((name) => join(dir, name))
    .filter((path) => existsSync(path))
    .map((path) => ({ path, mode: statSync(path).mode }));
}

async function checkStack(run: Run, options: DataOption, dir: string): Promise<Check[]> {
  const found = stackState(dir);
  if (found.state === 'running') {
    const services = await stackHealth(found.stack);
    const answers = services.map<Check>(({ name, up, ms, why }) =>
      up
        ? { name, state: 'ok', found: `answers in ${ms} ms` }
        : {
            name,
            state: 'fail',
            found: `does not answer (${why})`,
            todo: `see \`cogo logs ${name === 'dashboard' ? 'metrics' : name}\``,
          },
    );
    const gateway = services.some(({ name, up }) => name === 'gateway' && up);
    return gateway ? [...answers, ...(await checkSearch(run, options))] : answers;
  }
  const stack: Check =
    found.state === 'killed'
      ? {
          name: 'stack',
          state: 'warn',
          found: 'was killed; its data is safe',
          todo: 'start it again with `cogo up`',
        }
      : { name: 'stack', state: 'ok', found: 'not running' };
  const taken: { name: string; port: number }[] = [];
  for (const [name, port] of Object.entries(DEFAULT_PORTS)) {
    if ((await choosePort(port, new Set())).taken !== undefined) taken.push({ name, port });
  }
  return [stack, checkPorts(taken)];
}

/** Nothing where no project is: an index is a project's. */
async function checkSearch(run: Run, options: DataOption): Promise<Check[]> {
  const { rpc } = await connect(run, options);
  const signal = AbortSignal.timeout(5000);
  const projects = await rpc.call<{ id: string }[]>('list_projects', {}, { signal });
  const first = projects.ok ? projects.value[0] : undefined;
  if (projects.ok && !first) return [];
  const status = first
    ? await rpc.call<{ accelerators: Record<string, string> }>(
        'index_status',
        { project_id: first.id },
        { signal },
      )
    : projects;
  if (status.ok && 'accelerators' in status.value) return [checkAccelerators(status.value.accelerators)];
  return [
    {
      name: 'search extensions',
      state: 'warn',
      found: `unknown: ${status.ok ? 'the database does not say' : status.error.message}`,
      todo: 'see `cogo logs gateway`; restart the stack to bring its database up to date',
    },
  ];
}
