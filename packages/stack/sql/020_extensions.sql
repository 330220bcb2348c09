-- Extensions where Supabase has them: `extensions` for what user SQL calls, pgmq in its own schema.
create schema if not exists extensions;
grant usage on schema extensions to anon, authenticated, service_role;

do $$
declare
  ext text;
begin
  foreach ext in array array['vector', 'pg_trgm', 'pgcrypto'] loop
    if not exists (select from pg_catalog.pg_extension where extname = ext)
      and exists (select from pg_catalog.pg_available_extensions where name = ext) then
      execute format('create extension %I with schema extensions', ext);
    end if;
  end loop;
  if to_regnamespace('pgmq') is null
    and exists (select from pg_catalog.pg_available_extensions where name = 'pgmq') then
    create extension pgmq;
  end if;
end
$$;
