import type { Database } from '@cogo/stack/database/database.ts';

/** One line per object: `kind name: definition`. Two databases with the same lines have the same schema. */
export type Catalog = string[];

const OURS = `('cogo', 'cogo_api')`;

// Each query gives (kind, name, definition). Bodies are compared as text, so a comment inside a function counts as well.
const QUERIES: Record<string, string> = {
  schema: `select nspname as name, coalesce(nspacl::text, '') as definition from pg_namespace where nspname in ${OURS}`,
  table: `select c.oid::regclass::text as name,
      format('%s rls=%s forced=%s options=%s acl=%s', c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relacl) as definition
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ${OURS} and c.relkind in ('r', 'p', 'v', 'm', 'S')`,
  column: `select format('%s.%s', c.oid::regclass, a.attname) as name,
      format('#%s %s notnull=%s identity=%s storage=%s collation=%s default=%s acl=%s', row_number() over (partition by a.attrelid order by a.attnum), format_type(a.atttypid, a.atttypmod), a.attnotnull,
        a.attidentity, a.attstorage, (select o.collname from pg_collation o where o.oid = a.attcollation), pg_get_expr(d.adbin, d.adrelid), a.attacl) as definition
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where n.nspname in ${OURS} and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped`,
  constraint: `select format('%s.%s', k.conrelid::regclass, k.conname) as name,
      format('%s validated=%s', pg_get_constraintdef(k.oid), k.convalidated) as definition
    from pg_constraint k join pg_namespace n on n.oid = k.connamespace where n.nspname in ${OURS}`,
  index: `select indexname as name, indexdef as definition from pg_indexes where schemaname in ${OURS}`,
  function: `select p.oid::regprocedure::text as name,
      format('%s owner-rights=%s acl=%s', pg_get_functiondef(p.oid), p.prosecdef, p.proacl) as definition
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ${OURS} and p.prokind <> 'a'`,
  trigger: `select format('%s.%s', t.tgrelid::regclass, t.tgname) as name, pg_get_triggerdef(t.oid) as definition
    from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ${OURS} and not t.tgisinternal`,
  policy: `select format('%s.%s.%s', schemaname, tablename, policyname) as name,
      format('%s to %s using %s check %s', cmd, roles, qual, with_check) as definition
    from pg_policies where schemaname in ${OURS} or policyname like 'cogo%'`,
  type: `select t.oid::regtype::text as name, t.typtype::text as definition
    from pg_type t join pg_namespace n on n.oid = t.typnamespace where n.nspname in ${OURS} and t.typtype in ('e', 'd', 'c')`,
  comment: `select format('%s %s', d.classoid::regclass, d.objoid) as name, d.description as definition
    from pg_description d where d.classoid = 'pg_namespace'::regclass
      and d.objoid in (select oid from pg_namespace where nspname in ${OURS})`,
  queue: `select relname as name, '' as definition from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'pgmq' and c.relkind = 'r' and relname ~ '^[qa]_cogo'`,
  schedule: `select jobname as name, format('%s: %s', schedule, command) as definition from cron.job where jobname like 'cogo%'`,
  lane: `select name, format('%s %s %s %s', executor, capability, band, queue_name) as definition from cogo.lanes`,
  job_type: `select pattern as name, format('%s %s %s %s', executor, max_attempts, run_s, steps) as definition from cogo.job_types`,
  model: `select name, format('%s %s %s %s', id, dims, semantic, status) as definition from cogo.embedding_models`,
};

/** Everything of COGO in a database, sorted. Object ids are left out, so two databases can be compared line by line. */
export async function readCatalog(db: Pick<Database, 'query'>): Promise<Catalog> {
  const lines: string[] = [];
  for (const [kind, query] of Object.entries(QUERIES)) {
    for (const row of await db.query<{ name: string; definition: string }>(query)) {
      const name = kind === 'comment' ? row.name.replace(/\d+/g, '') : row.name;
      lines.push(`${kind} ${name}: ${row.definition}`);
    }
  }
  return lines.sort();
}
