// Builds the foundation migration from sql/, which says what the schema is. Only the foundation is built this way, and only until
// it is released: once another migration follows it, it is history and this script refuses to touch it. From then on migrations
// are written by hand, and drift.test.ts compares the two catalogs.
//
//   node --import tsx scripts/migrations/build.ts           write supabase/migrations/20261121000000_foundation.sql
//   node --import tsx scripts/migrations/build.ts --check   exit 1 when the file differs from what would be written
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrationFiles, ROOT, type SqlFile, schemaFiles } from './sources.ts';

export const FOUNDATION = 'supabase/migrations/20261121000000_foundation.sql';

/** The text of the foundation migration; the same input gives the same bytes. */
export function foundationText(files: SqlFile[]): string {
  const head =
    '-- COGO foundation. Built from sql/ by scripts/migrations/build.ts: change the files there, not this one.\n';
  return head + files.map((file) => `\n-- ${file.path}\n${file.text.trimEnd()}\n`).join('');
}

/** Whether the migration on disk is what sql/ gives, or no longer has to be because a later one follows. */
export function foundationIsCurrent(root = ROOT): boolean {
  if (foundationIsReleased(root)) return true;
  return readFileSync(join(root, FOUNDATION), 'utf8') === foundationText(schemaFiles(root));
}

function foundationIsReleased(root: string): boolean {
  return migrationFiles(root).some((file) => file.path > FOUNDATION);
}

function main(args: string[]): number {
  if (args.includes('--check')) {
    if (foundationIsCurrent()) return 0;
    console.error(`${FOUNDATION} differs from sql/: run node --import tsx scripts/migrations/build.ts`);
    return 1;
  }
  if (foundationIsReleased(ROOT)) {
    console.error('the foundation is released: a later migration follows it. Write a new migration instead.');
    return 2;
  }
  const files = schemaFiles();
  writeFileSync(join(ROOT, FOUNDATION), foundationText(files));
  console.log(`${FOUNDATION}: ${files.length} files`);
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
