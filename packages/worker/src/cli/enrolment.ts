import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';

/** What `cogo-work enroll` keeps: where the gateway is and how this worker proves itself there. File mode 0600. */
export interface Enrolment {
  url: string;
  apikey: string;
  token: string;
}

/** In the data folder when one is named, else the user's configuration folder (XDG Base Directory). */
export function enrolmentPath(dataDir: string | null, env: Record<string, string | undefined>): string {
  if (dataDir !== null) return join(dataDir, 'worker.json');
  const config = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config');
  return join(config, 'cogo', 'worker.json');
}

/** Ok with null when there is none. A file that others can read is refused: its token is no secret any more. */
export function readEnrolment(path: string): Result<Enrolment | null> {
  let text: string;
  try {
    const mode = statSync(path).mode & 0o777;
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      return failure(
        'forbidden',
        `${path} can be read by others (mode ${mode.toString(8)}). Revoke its token, enroll again, or: chmod 600 ${path}`,
      );
    }
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ok(null);
    return failure('internal', `${path} could not be read: ${(error as Error).message}`);
  }
  try {
    const { url, apikey, token } = JSON.parse(text) as Record<string, unknown>;
    if (typeof url === 'string' && typeof apikey === 'string' && typeof token === 'string') {
      return ok({ url, apikey, token });
    }
  } catch {
    // Said below.
  }
  return failure('internal', `${path} is damaged. Enroll again: cogo-work enroll --help`);
}

/** Written beside and renamed, so that a crash leaves the old one or the new one. */
export function writeEnrolment(path: string, enrolment: Enrolment): Result<void> {
  const unfinished = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(unfinished, `${JSON.stringify(enrolment, null, 2)}\n`, { mode: 0o600 });
    renameSync(unfinished, path);
    return ok(undefined);
  } catch (error) {
    rmSync(unfinished, { force: true });
    return failure('internal', `${path} could not be written: ${(error as Error).message}`);
  }
}
