import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { spawnSync } from 'node:child_process';
import { denoProgram } from '@cogo/stack/functions/deno_binary.ts';

export interface DenoBinary {
  version: string;
  path: string;
}

/** The Deno that hosted Supabase embeds, and the newest one the functions are held against. */
export function denoBinaries(): { target: DenoBinary; current: DenoBinary } {
  const stack = createRequire(new URL('../packages/stack/package.json', import.meta.url));
  const root = createRequire(new URL('../package.json', import.meta.url));
  return { target: locate(stack, 'deno'), current: locate(root, 'deno-current') };
}

function locate(require: NodeJS.Require, name: string): DenoBinary {
  const manifest = require.resolve(`${name}/package.json`);
  const { version } = require(manifest) as { version: string };
  const path = denoProgram(manifest);
  if (!existsSync(path)) throw new Error(`Deno ${version} is not installed for this platform: run npm ci`);
  return { version, path };
}

/** Runs Deno in the foreground and returns its exit code. */
export function runDeno(deno: DenoBinary, args: string[], env: Record<string, string> = {}): number {
  const result = spawnSync(deno.path, args, {
    stdio: 'inherit',
    env: { ...process.env, DENO_NO_UPDATE_CHECK: '1', ...env },
  });
  return result.status ?? 1;
}
