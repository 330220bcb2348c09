import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Finds an executable in PATH (or /usr/bin); null when there is none. */
export function which(name: string, path = process.env['PATH'] ?? ''): string | null {
  for (const dir of [...path.split(delimiter), '/usr/bin', '/bin']) {
    if (!dir.startsWith('/')) continue;
    const file = join(dir, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // next
    }
  }
  return null;
}
