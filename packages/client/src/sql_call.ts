// Builds `select … from cogo_api.fn(name => value, …)` from a function's catalog signature.
// Every parameter travels as text and is cast in SQL: that is the same on PGlite, postgres.js and behind a
// transaction pooler (no prepared statements, no driver-side guessing of array and json types).

/** One `cogo_api` function as the catalog tells it. */
export interface Signature {
  name: string;
  /** Input arguments in order. `type` is what `format_type` says: `uuid`, `jsonb`, `text[]`. */
  args: { name: string; type: string; optional: boolean }[];
  set: boolean;
}

/** Lists the signatures of `cogo_api`; `args` is json text. Run it once and again after a migration. */
export const SIGNATURES_SQL = `
select p.proname as name, p.proretset as set,
       coalesce((
         select jsonb_agg(jsonb_build_object(
                  'name', coalesce(p.proargnames[a.n], ''),
                  'type', format_type(a.oid, null),
                  'optional', a.n > p.pronargs - p.pronargdefaults) order by a.n)
         from unnest(p.proargtypes::oid[]) with ordinality as a(oid, n)
       ), '[]')::text as args
from pg_catalog.pg_proc p
where p.pronamespace = to_regnamespace('cogo_api') and p.prokind = 'f'
order by p.proname`;

export interface SqlCall {
  text: string;
  params: (string | null)[];
}

/**
 * The overload that takes exactly these argument names, as PostgREST chooses it; `undefined` when none does.
 * Arguments that are `undefined` count as not given.
 */
export function chooseSignature(
  signatures: readonly Signature[],
  fn: string,
  args: Record<string, unknown>,
): Signature | undefined {
  const given = Object.keys(args).filter((name) => args[name] !== undefined);
  return signatures.find(
    (s) =>
      s.name === fn &&
      given.every((name) => s.args.some((arg) => arg.name === name)) &&
      s.args.every((arg) => arg.optional || given.includes(arg.name)),
  );
}

/** The statement; its rows have one column `value` with json text. */
export function buildCall(signature: Signature, args: Record<string, unknown>): SqlCall {
  const params: (string | null)[] = [];
  const list = signature.args
    .filter((arg) => args[arg.name] !== undefined)
    .map((arg) => {
      const value = args[arg.name];
      params.push(encode(arg.type, value));
      return `${quoteIdent(arg.name)} => ${cast(arg.type, params.length, value)}`;
    });
  const call = `cogo_api.${quoteIdent(signature.name)}(${list.join(', ')})`;
  return { text: `select to_jsonb(f)::text as value from ${call} as f`, params };
}

/** What a caller gets: the one value, or the list of a set-returning function. */
export function decodeRows(signature: Signature, rows: readonly { value: string | null }[]): unknown {
  const values = rows.map((row) => (row.value === null ? null : JSON.parse(row.value)));
  return signature.set ? values : (values[0] ?? null);
}

/** Rows of `SIGNATURES_SQL` as signatures. */
export function parseSignatures(rows: readonly { name: string; set: boolean; args: string }[]): Signature[] {
  return rows.map((row) => ({
    name: row.name,
    set: row.set,
    args: JSON.parse(row.args) as Signature['args'],
  }));
}

function encode(type: string, value: unknown): string | null {
  if (value === null) return null;
  if (type === 'json' || type === 'jsonb' || type.endsWith('[]')) return JSON.stringify(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function cast(type: string, n: number, value: unknown): string {
  if (value === null || !type.endsWith('[]')) return `$${n}::text::${type}`;
  return `array(select jsonb_array_elements_text($${n}::text::jsonb))::${type}`;
}

function quoteIdent(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
