import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';

/**
 * The Deno program the functions run on: `DENO_BIN`, else that of the npm package `deno` of this workspace. The package is a
 * launcher whose install script may not have run; the program itself is in an optional package per platform.
 */
export function findDeno(env: NodeJS.ProcessEnv = process.env): Result<string> {
  const given = env['DENO_BIN'];
  if (given) {
    if (existsSync(given)) return ok(given);
    return failure('not_configured', `DENO_BIN names ${given}, which does not exist.`);
  }
  const found = fromPackage();
  if (found && existsSync(found)) return ok(found);
  return failure(
    'not_configured',
    `Deno is not installed for ${process.platform}-${process.arch}. Run npm ci without --omit=optional, or set DENO_BIN to a Deno 2.1.4 or newer.`,
  );
}

function fromPackage(): string | undefined {
  try {
    return denoProgram(createRequire(import.meta.url).resolve('deno/package.json'));
  } catch {
    return undefined;
  }
}

/** The program that belongs to an installed npm package `deno`, given its package.json. */
export function denoProgram(manifest: string): string {
  const executable = process.platform === 'win32' ? 'deno.exe' : 'deno';
  const libc = process.platform === 'linux' ? '-glibc' : '';
  const platform = `@deno/${process.platform}-${process.arch}${libc}/package.json`;
  try {
    return join(dirname(createRequire(manifest).resolve(platform)), executable);
  } catch {
    return join(dirname(manifest), executable);
  }
}
