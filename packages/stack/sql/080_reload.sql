-- Tells the gateway to read the schema again when it changed, as PostgREST is told on Supabase.
-- Source: PostgREST documentation, "Automatic Schema Cache Reloading".
do $shim$
begin
  if exists (select from pg_catalog.pg_event_trigger where evtname = 'pgrst_ddl_watch') then
    return;
  end if;

  create or replace function extensions.pgrst_ddl_watch() returns event_trigger language plpgsql
    set search_path = '' as $fn$
  begin
    if exists (
      select from pg_catalog.pg_event_trigger_ddl_commands() as cmd
      where cmd.schema_name is distinct from 'pg_temp'
        and cmd.command_tag ~ '^(CREATE|ALTER) (SCHEMA|TABLE|FOREIGN TABLE|VIEW|MATERIALIZED VIEW|FUNCTION|TYPE|DOMAIN)|^CREATE TABLE AS|^COMMENT|^(GRANT|REVOKE)'
    ) then
      perform pg_catalog.pg_notify('pgrst', 'reload schema');
    end if;
  end
  $fn$;

  create or replace function extensions.pgrst_drop_watch() returns event_trigger language plpgsql
    set search_path = '' as $fn$
  begin
    if exists (
      select from pg_catalog.pg_event_trigger_dropped_objects() as obj
      where obj.object_type in ('schema', 'table', 'foreign table', 'view', 'materialized view', 'function', 'type')
        and not obj.is_temporary
    ) then
      perform pg_catalog.pg_notify('pgrst', 'reload schema');
    end if;
  end
  $fn$;

  create event trigger pgrst_ddl_watch on ddl_command_end execute function extensions.pgrst_ddl_watch();
  create event trigger pgrst_drop_watch on sql_drop execute function extensions.pgrst_drop_watch();
exception when insufficient_privilege then
  raise notice 'event triggers need a superuser: after a change of the schema run NOTIFY pgrst';
end
$shim$;
