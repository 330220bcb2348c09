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

-- The real schedules and outbox where the server runs them for this database; elsewhere the files after this one stand in.
do $$
begin
  if to_regnamespace('cron') is null
    and exists (select from pg_catalog.pg_available_extensions where name = 'pg_cron')
    and current_setting('cron.database_name', true) = current_database() then
    create extension pg_cron;
  end if;
  if to_regnamespace('net') is null
    and exists (select from pg_catalog.pg_available_extensions where name = 'pg_net')
    and current_setting('shared_preload_libraries', true) ~ '\mpg_net\M'
    and coalesce(current_setting('pg_net.database_name', true), 'postgres') = current_database() then
    create extension pg_net with schema extensions;
  end if;
end
$$;
