import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Domains in dependency order; inside a domain the number of a file is its order. */
export const DOMAINS = ['core', 'bus', 'http', 'knowledge', 'chat', 'jobs'] as const;

export interface SqlFile {
  /** Path from the repository root, with forward slashes. */
  path: string;
  text: string;
}

/** The schema as it stands: every file of sql/<domain>, in the order they apply. Throws on a file out of form. */
export function schemaFiles(root = ROOT): SqlFile[] {
  return DOMAINS.flatMap((domain) => {
    const names = readdirSync(join(root, 'sql', domain)).sort();
    for (const name of names) {
      if (!/^\d{3}_[a-z0-9_]+\.sql$/.test(name))
        throw new Error(`sql/${domain}/${name}: files are named NNN_name.sql`);
    }
    return names.map((name) => readSql(root, `sql/${domain}/${name}`));
  });
}

/** The released path to it: supabase/migrations in the order of their timestamps. */
export function migrationFiles(root = ROOT): SqlFile[] {
  return readdirSync(join(root, 'supabase', 'migrations'))
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => readSql(root, `supabase/migrations/${name}`));
}

function readSql(root: string, path: string): SqlFile {
  return { path, text: readFileSync(join(root, path), 'utf8') };
}
