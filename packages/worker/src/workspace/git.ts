import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Runs git without what could run programs of the repository (file system monitor, hooks) or ask for a password; null
 * when it fails. `safe.directory`: the owner allowed this folder, whoever owns its files.
 *
 * @param o.env further variables
 * @param o.config further settings, `name=value`
 */
export async function git(
  root: string,
  args: string[],
  o: { env?: Record<string, string>; config?: string[]; signal?: AbortSignal; timeoutMs?: number } = {},
): Promise<string | null> {
  const settings = [
    'core.fsmonitor=false',
    'core.hooksPath=/dev/null',
    `safe.directory=${root}`,
    ...(o.config ?? []),
  ];
  try {
    const { stdout } = await run('git', [...settings.flatMap((each) => ['-c', each]), '-C', root, ...args], {
      maxBuffer: 256 * 1024 * 1024,
      timeout: o.timeoutMs ?? 60_000,
      ...(o.signal ? { signal: o.signal } : {}),
      env: {
        PATH: process.env['PATH'],
        HOME: '/nonexistent',
        LC_ALL: 'C.UTF-8',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_OPTIONAL_LOCKS: '0',
        GIT_TERMINAL_PROMPT: '0',
        ...o.env,
      },
    });
    return stdout;
  } catch {
    return null;
  }
}
