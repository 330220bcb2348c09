-- cogo_api.version: {schema_version, oldest_worker, now, postgres, embedded, extensions:{name: version}, capabilities:{cron, net, realtime, vault}}.
-- A capability is true where its SQL names exist, whoever supplies them.
create function cogo_api.version()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'schema_version', cogo.schema_version(),
    'oldest_worker', cogo.oldest_worker(),
    'now', clock_timestamp(),
    'postgres', current_setting('server_version'),
    'embedded', version() ~* 'emscripten|wasm',
    'extensions', (
      select coalesce(jsonb_object_agg(e.extname, e.extversion), '{}')
        from pg_catalog.pg_extension e
       where e.extname in ('vector', 'pgmq', 'pg_cron', 'pg_net', 'pg_trgm', 'pgcrypto')),
    'capabilities', jsonb_build_object(
      'cron', to_regnamespace('cron') is not null,
      'net', to_regnamespace('net') is not null,
      'realtime', to_regprocedure('realtime.send(jsonb,text,text,boolean)') is not null,
      'vault', to_regnamespace('vault') is not null))
$$;
revoke all on function cogo_api.version() from public;
grant execute on function cogo_api.version() to anon, authenticated, service_role;
