import { statfsSync } from 'node:fs';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';

/** A failure of the data folder itself (full, not writable), explained; `undefined` when it is something else. */
export function explainFolder(error: unknown, dataDir: string): CogoError | undefined {
  const { code, message } = error as { code?: string; message?: string };
  const text = message ?? String(error);
  if (isDiskFull(code, text, dataDir)) {
    return cogoError(
      'unavailable',
      `The disk of ${dataDir} is full (${text}). Free some space (a start needs about 120 MB) and start again; what was committed is safe.`,
      { sqlstate: '53100' },
    );
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR' || code === 'EEXIST') {
    return cogoError(
      'internal',
      `The data folder ${dataDir} can not be written (${text}). Choose another: --data DIR`,
    );
  }
  return undefined;
}

// The embedded database only says that it could not start; so the free space is asked for.
const NEEDED_BYTES = 8 * 1024 * 1024;

function isDiskFull(code: string | undefined, text: string, dataDir: string): boolean {
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === '53100' || /No space left|ENOSPC/i.test(text))
    return true;
  try {
    const { bavail, bsize } = statfsSync(dataDir);
    return bavail * bsize < NEEDED_BYTES;
  } catch {
    return false;
  }
}

/** Why an own Postgres could not be used; never with its password. */
export function explainOwnPostgres(error: unknown, dbUrl: string): CogoError {
  const { code, message } = error as { code?: string; message?: string };
  const text = message ?? String(error);
  const { hostname, port, pathname } = new URL(dbUrl);
  const where = `${hostname}:${port || 5432}${pathname}`;
  if (code === '28P01' || code === '28000') {
    return cogoError('unavailable', `Postgres at ${where} refused the user or password. Check --db.`, {
      sqlstate: code,
    });
  }
  if (code === '42501') {
    return cogoError(
      'forbidden',
      `The user of --db may not do what the start needs at ${where}: ${text}. Use a superuser or the owner of the database.`,
      { sqlstate: code },
    );
  }
  if (code === '3D000') {
    return cogoError('not_found', `There is no database ${pathname.slice(1)} at ${where}. Create it first.`, {
      sqlstate: code,
    });
  }
  if (code && /^[0-9A-Z]{5}$/.test(code)) {
    return cogoError('internal', `The database at ${where} could not be prepared: ${text}`, {
      sqlstate: code,
    });
  }
  return cogoError(
    'unavailable',
    `Postgres at ${where} does not answer (${code ?? text}). Is it running, and is the address of --db right?`,
  );
}
