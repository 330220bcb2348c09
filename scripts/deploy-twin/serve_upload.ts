import { type ChildProcess, spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { realpathSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Unpacked } from './unpack.ts';

export interface Served {
  /** Of the function's host; paths begin with `/<slug>`, as on the hosted runtime. */
  url: string;
  /** What the function printed so far. */
  output(): string;
  stop(): Promise<void>;
}

const BOOT = fileURLToPath(new URL('./boot.mjs', import.meta.url));

/**
 * Serves one unpacked function with Deno: no downloads, no file but the upload and npm packages, no network but
 * loopback. Fails with what Deno printed when the function does not come up.
 */
export async function serveUpload(
  deno: string,
  unpacked: Unpacked,
  env: Record<string, string>,
): Promise<Served> {
  const readable = [dirname(unpacked.dir), realpathSync(`${dirname(unpacked.dir)}/node_modules`), BOOT];
  const args = [
    'run',
    '--no-remote',
    '--cached-only',
    '--no-lock',
    '--no-prompt',
    '--node-modules-dir=manual',
  ];
  if (unpacked.config) args.push(`--config=${unpacked.config}`);
  // The environment itself is bare, so all of it may be read.
  args.push('--allow-net=127.0.0.1', `--allow-read=${readable.join(',')}`, '--allow-env');
  const child = spawn(deno, [...args, BOOT, pathToFileURL(unpacked.entry).href], {
    cwd: unpacked.dir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...env,
      PATH: process.env['PATH'] ?? '',
      HOME: dirname(unpacked.dir),
      NO_COLOR: '1',
      DENO_NO_UPDATE_CHECK: '1',
    },
  });
  let output = '';
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  const lines = createInterface({ input: child.stdout });
  const port = await new Promise<number>((resolve, reject) => {
    lines.on('line', (line) => {
      output += `${line}\n`;
      const match = /^\{"listening":(\d+)\}$/.exec(line);
      if (match) resolve(Number(match[1]));
    });
    child.on('error', reject);
    child.on('close', (code) =>
      reject(
        new Error(
          `${unpacked.slug} did not start (exit ${code}): ${output.split('\n').slice(0, 6).join('\n')}`,
        ),
      ),
    );
  });
  return { url: `http://127.0.0.1:${port}`, output: () => output, stop: () => stop(child) };
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('close', () => resolve());
    child.kill('SIGKILL');
  });
}
