// Writes the part of the newest migration that sql/ decides: its functions, triggers and views. sql/ says what the schema is;
// a released migration is never edited, so whatever differs from the migrations before the newest one goes into that one.
//
//   node --import tsx scripts/migrations/build.ts             rewrite the built part of the newest migration
//   node --import tsx scripts/migrations/build.ts --check     exit 1 when the file differs from what would be written
//   node --import tsx scripts/migrations/build.ts --new NAME  start a migration, once the newest one is released
//
// A migration is three parts: tables, types and data by hand; the built part between its two marks; what needs the new functions,
// by hand. A file of sql/ that holds more than functions can't be built: write its change by hand, and the built part notes the hash
// it was written for. drift.test.ts compares the catalogs, so a forgotten change can't pass.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrationFiles, ROOT, type SqlFile, schemaFiles } from './sources.ts';

const BEGIN = '-- built from sql/ by scripts/migrations/build.ts: change the files there';
const END = '-- end of what is built';
const SECTION = /^-- (sql\/\S+\.sql)(?: ([0-9a-f]{16}))?$/;

/** What a migration holds of each file of sql/, as a hash of the file's text. */
function sections(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let path: string | undefined;
  let lines: string[] = [];
  const keep = () => path && found.set(path, hashOf(lines.join('\n')));
  for (const line of text.split('\n')) {
    const head = SECTION.exec(line);
    if (head?.[2]) {
      keep();
      path = undefined;
      found.set(head[1]!, head[2]);
    } else if (head) {
      keep();
      path = head[1];
      lines = [];
    } else lines.push(line);
  }
  keep();
  return found;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text.trim()).digest('hex').slice(0, 16);
}

/** A file that can be applied again over an older form of itself, or undefined when it holds more than that. */
export function replaceable(text: string): string | undefined {
  const bare = text.replace(/\$(\w*)\$.*?\$\1\$/gs, "''").replace(/--.*$/gm, '');
  const statements = bare.split(';').map((statement) => statement.trim());
  const again =
    /^(create (or replace )?(function|trigger|view)|revoke|grant|comment on|alter function|alter view)\b/;
  if (!statements.every((statement) => statement === '' || again.test(statement))) return undefined;
  return text.replace(/^create (function|trigger|view)\b/gm, 'create or replace $1');
}

/** The built part: every file of sql/ that the earlier migrations hold in another form or not at all. */
export function builtPart(earlier: SqlFile[], schema: SqlFile[]): string {
  const known = new Map(earlier.flatMap((file) => [...sections(file.text)]));
  const differs = (file: SqlFile) => known.get(file.path) !== hashOf(file.text);
  if (!schema.some(differs)) return `${BEGIN}\n\n${END}\n`;
  // new functions are for everybody until the grants have run again
  const parts = schema
    .filter((file) => differs(file) || file.path.endsWith('_grants.sql'))
    .map((file) => {
      const text = replaceable(file.text);
      const head = `-- ${file.path} ${hashOf(file.text)}`;
      return text === undefined ? `${head}\n-- by hand\n` : `${head}\n${text.trimEnd()}\n`;
    });
  return `${BEGIN}\n${parts.map((part) => `\n${part}`).join('')}\n${END}\n`;
}

/** The newest migration as it should be. Throws when its marks are missing. */
export function newestMigration(root = ROOT): SqlFile & { text: string; wanted: string } {
  const files = migrationFiles(root);
  const newest = files.at(-1)!;
  const begin = newest.text.indexOf(BEGIN);
  const end = newest.text.indexOf(END);
  if (begin < 0 || end < begin)
    throw new Error(`${newest.path}: its marks are missing; start a migration with --new`);
  const built = builtPart(files.slice(0, -1), schemaFiles(root));
  return { ...newest, wanted: newest.text.slice(0, begin) + built + newest.text.slice(end + END.length + 1) };
}

function main(args: string[]): number {
  if (args[0] === '--new') {
    if (!/^[a-z][a-z0-9_]*$/.test(args[1] ?? '')) {
      console.error('--new needs a name: small letters, digits and _');
      return 2;
    }
    const version = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
    const path = `supabase/migrations/${version}_${args[1]}.sql`;
    writeFileSync(join(ROOT, path), `-- COGO ${args[1]}.\n\n${builtPart(migrationFiles(), schemaFiles())}`);
    console.log(path);
    return 0;
  }
  const newest = newestMigration();
  if (newest.wanted === newest.text) return 0;
  if (args.includes('--check')) {
    console.error(`${newest.path} differs from sql/: run node --import tsx scripts/migrations/build.ts`);
    return 1;
  }
  writeFileSync(join(ROOT, newest.path), newest.wanted);
  console.log(newest.path);
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
