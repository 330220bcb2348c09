import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EmailDriver } from '@supabase/lite';

const KEPT = 50;

/** Mails of the auth server as files, newest last: a developer reads the link there instead of in a mailbox. */
export function mailFolder(folder: string): EmailDriver {
  let count = 0;
  return {
    async send(message) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      count += 1;
      const name = `${new Date().toISOString().replaceAll(':', '-')}-${count}.json`;
      writeFileSync(join(folder, name), JSON.stringify(message, null, 2), { mode: 0o600 });
      for (const old of readdirSync(folder).sort().slice(0, -KEPT))
        rmSync(join(folder, old), { force: true });
    },
  };
}
