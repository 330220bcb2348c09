import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const COGO = fileURLToPath(new URL('../../packages/cli/bin/cogo.mjs', import.meta.url));

export interface Up {
  pid: number;
  urls: { gateway: string; functions: string };
  /** Wall time from the start of the command until it said the stack is up, in ms. */
  ms: number;
}

/** Runs a `cogo` command and returns its JSON document. Throws with what it said when it fails. */
export async function cogo<T>(args: string[]): Promise<T> {
  const child = spawn(process.execPath, [COGO, ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`cogo ${args.join(' ')} exited with ${code}:\n${said.trim()}`);
  return JSON.parse(out) as T;
}

/** Starts a stack in the background, on ports that are not the default ones and rarely another's. */
export async function up(data: string, extra: string[] = []): Promise<Up> {
  const began = performance.now();
  // Below the range the system gives to outgoing connections; the stack takes the next free one itself.
  const base = 20_000 + Math.floor(Math.random() * 1000) * 10;
  const ports = ['port', 'db-port', 'studio-port', 'dashboard-port'].flatMap((name, at) => [
    `--${name}`,
    String(base + at),
  ]);
  const { pid, urls } = await cogo<Omit<Up, 'ms'>>(['up', '--detach', '--data', data, ...ports, ...extra]);
  return { pid, urls, ms: performance.now() - began };
}

export async function down(data: string): Promise<void> {
  await cogo(['down', '--data', data, '--force']);
}
