import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bubblewrapArgs, bubblewrapSandbox, type Bubblewrap } from './bubblewrap.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { Sandbox, SandboxMode } from './sandbox.ts';
import { unconfined } from './unconfined.ts';
import { probeWatcher } from './watch.ts';
import { which } from './which.ts';

export type Probe = { ok: true; bwrap: Bubblewrap } | { ok: false; reason: string };

/** Whether bubblewrap really works here: runs `node --version` in it with the arguments that jobs get. */
export function probeBubblewrap(path = process.env['PATH'] ?? ''): Probe {
  if (process.platform !== 'linux')
    return { ok: false, reason: `bubblewrap needs Linux, this is ${process.platform}` };
  const file = which('bwrap', path);
  if (!file) {
    return { ok: false, reason: 'bubblewrap is not installed (Debian, Ubuntu: apt-get install bubblewrap)' };
  }
  const help = spawnSync(file, ['--help'], { encoding: 'utf8', timeout: 5_000 });
  const version = spawnSync(file, ['--version'], { encoding: 'utf8', timeout: 5_000 });
  const options = new Set(`${help.stdout}${help.stderr}`.match(/--[a-z-]+/g) ?? []);
  const bwrap: Bubblewrap = {
    file,
    version: (version.stdout ?? '').replace(/^bubblewrap\s*/, '').trim(),
    prlimit: which('prlimit', path),
    options,
  };
  const dir = mkdtempSync(join(tmpdir(), 'cogo-probe-'));
  try {
    const workspace = { dir: join(dir, 'workspace'), privateDir: join(dir, 'private'), readOnly: [] };
    mkdirSync(workspace.dir);
    const command = { argv: [process.execPath, '--version'], cwd: '', limits: DEFAULT_LIMITS };
    const run = spawnSync(file, bubblewrapArgs(bwrap, command, workspace), {
      encoding: 'utf8',
      timeout: 10_000,
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    if (run.status === 0) return { ok: true, bwrap };
    const said = (run.stderr ?? '').trim().split('\n')[0] || run.error?.message || `exit ${run.status}`;
    return { ok: false, reason: `bubblewrap ${bwrap.version} does not work here: ${said}${namespaceHint()}` };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The usual cause, named: distributions turn unprivileged user namespaces off in three different ways. */
function namespaceHint(): string {
  const off = (
    [
      ['/proc/sys/kernel/unprivileged_userns_clone', '0'],
      ['/proc/sys/user/max_user_namespaces', '0'],
      ['/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1'],
    ] as const
  ).filter(([file, value]) => {
    try {
      return readFileSync(file, 'utf8').trim() === value;
    } catch {
      return false;
    }
  });
  return off.length === 0
    ? ''
    : ` (user namespaces are restricted: ${off.map(([f, v]) => `${f} = ${v}`).join(', ')})`;
}

export type ChosenSandbox = { ok: true; sandbox: Sandbox } | { ok: false; reason: string };

/** The sandbox for a mode; `require` without a working bubblewrap gives the reason instead. */
export function chooseSandbox(
  mode: SandboxMode,
  probe: () => Probe = probeBubblewrap,
  watch = process.env['COGO_WORKER_WATCH'] !== 'off',
): ChosenSandbox {
  const prlimit = which('prlimit');
  if (mode === 'unsafe-none') {
    return { ok: true, sandbox: unconfined('the owner chose --unsafe-no-sandbox', prlimit) };
  }
  const found = probe();
  if (found.ok) return { ok: true, sandbox: bubblewrapSandbox(found.bwrap, watch ? probeWatcher() : null) };
  if (mode === 'require') return { ok: false, reason: found.reason };
  return { ok: true, sandbox: unconfined(found.reason, prlimit) };
}
