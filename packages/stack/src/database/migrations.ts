import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cogoError } from '@cogo/spec/errors.ts';
import { err, ok, type Result } from '@cogo/spec/result.ts';
import type { Database } from './database.ts';
import { lineOf, splitSql } from './split_sql.ts';

export interface MigrationFile {
  /** Digits before the first underscore, as the Supabase CLI reads them. */
  version: string;
  name: string;
  file: string;
  sql: string;
}

export interface MigrationReport {
  applied: string[];
  /** Files that were applied before. */
  present: number;
}

const FILE_NAME = /^(\d+)_(.*)\.sql$/;

/** The migrations of a folder in order of version; other files are not migrations. */
export function readMigrations(folder: string): MigrationFile[] {
  return readdirSync(folder)
    .flatMap((file) => {
      const match = FILE_NAME.exec(file);
      return match
        ? [{ version: match[1]!, name: match[2]!, file, sql: readFileSync(join(folder, file), 'utf8') }]
        : [];
    })
    .sort((a, b) => (a.version < b.version ? -1 : 1));
}

// The Supabase CLI's own table, so a database can be carried on with `supabase db push`.
const HISTORY = `
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (
  version text not null primary key, statements text[], name text
)`;

/**
 * Applies what is missing, each file in one transaction together with its history row. A failing statement is named by
 * file and line and nothing of its file remains. A released file that was edited since is refused before anything runs.
 */
export async function applyMigrations(
  db: Database,
  files: readonly MigrationFile[],
): Promise<Result<MigrationReport>> {
  await db.exec(HISTORY);
  const rows = await db.query<{ version: string; statements: string }>(
    `select version, array_to_json(statements)::text as statements from supabase_migrations.schema_migrations`,
  );
  const history = new Map(
    rows.map((row) => [row.version, JSON.parse(row.statements ?? 'null') as string[] | null]),
  );
  for (const file of files) {
    const recorded = history.get(file.version);
    if (recorded && fingerprint(recorded.join('\n;\n')) !== fingerprint(file.sql))
      return err(editedError(file));
  }
  const applied: string[] = [];
  for (const file of files) {
    if (history.has(file.version)) continue;
    const outcome = await applyOne(db, file);
    if (!outcome.ok) return outcome;
    applied.push(file.file);
  }
  return ok({ applied, present: files.length - applied.length });
}

async function applyOne(db: Database, file: MigrationFile): Promise<Result<null>> {
  const statements = splitSql(file.sql);
  let current = 0;
  try {
    await db.transaction(async (tx) => {
      for (const [index, statement] of statements.entries()) {
        current = index;
        await tx.exec(statement.text);
      }
      await tx.query(
        `insert into supabase_migrations.schema_migrations (version, name, statements)
         values ($1::text, $2::text, array(select jsonb_array_elements_text($3::text::jsonb)))`,
        [file.version, file.name, JSON.stringify(statements.map((s) => s.text))],
      );
    });
    return ok(null);
  } catch (error) {
    return err(failedError(file, statements[current], current, statements.length, error));
  }
}

function failedError(
  file: MigrationFile,
  statement: { text: string; line: number } | undefined,
  index: number,
  count: number,
  error: unknown,
) {
  const { message, code, position, hint } = error as {
    message: string;
    code?: string;
    position?: string;
    hint?: string;
  };
  // `position` counts characters of the statement, from 1; without it the statement's first line has to do.
  const offset = position ? Number(position) - 1 : 0;
  const skipped = statement ? lineOf(statement.text, firstWordOffset(statement.text)) : 1;
  const line =
    (statement?.line ?? 1) + (offset > 0 && statement ? lineOf(statement.text, offset) - skipped : 0);
  return cogoError(
    'internal',
    `Migration ${file.file} failed at line ${line} (statement ${index + 1} of ${count}): ${message}. ` +
      `Nothing of this file was applied. Correct it and start again.${hint ? ` Hint: ${hint}` : ''}`,
    { details: { file: file.file, line, statement: index + 1 }, ...(code ? { sqlstate: code } : {}) },
  );
}

function firstWordOffset(text: string): number {
  return /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*/.exec(text)?.[0].length ?? 0;
}

function editedError(file: MigrationFile) {
  return cogoError(
    'version_mismatch',
    `Migration ${file.file} was edited after it had been applied to this database. ` +
      'Restore the file and write a new migration for the change, or drop the data with: cogo reset',
    { details: { file: file.file } },
  );
}

// Space, semicolons and comments after the last statement fall away: every tool splits a file into statements its own way.
function fingerprint(sql: string): string {
  const text = splitSql(sql)
    .map((statement) => statement.text)
    .join('');
  return createHash('sha256')
    .update(text.replace(/[\s;]+/g, ''))
    .digest('hex');
}
