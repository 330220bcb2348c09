-- Extensions and schemas COGO stands on.
--
-- Each extension is created only where it can be and is not yet there. The embedded place supplies `cron`, `net`, `realtime` and
-- `pgmq` as schemas of its own; a schema that exists already is left alone, so callers never know where they run.
create schema if not exists extensions;

do $$
declare
  ext record;
begin
  for ext in
    select * from (values
      ('vector',   'extensions', null),
      ('pg_trgm',  'extensions', null),
      ('pgcrypto', 'extensions', null),
      ('pgmq',     null,         'pgmq'),
      ('pg_cron',  null,         'cron'),
      ('pg_net',   'extensions', 'net')
    ) as wanted(name, target_schema, own_schema)
  loop
    continue when exists (select from pg_catalog.pg_extension where extname = ext.name);
    continue when ext.own_schema is not null
      and exists (select from pg_catalog.pg_namespace where nspname = ext.own_schema);
    continue when not exists (select from pg_catalog.pg_available_extensions where name = ext.name);
    begin
      if ext.target_schema is null then
        execute format('create extension if not exists %I', ext.name);
      else
        execute format('create extension if not exists %I with schema %I', ext.name, ext.target_schema);
      end if;
    exception when others then
      -- pg_cron, for one, wants its library preloaded and lives in one database of a server; what cannot be missing is checked below
      raise notice 'COGO: the extension % could not be created: %', ext.name, sqlerrm;
    end;
  end loop;

  if to_regtype('extensions.halfvec') is null then
    raise exception using
      errcode = 'CG030',
      message = 'pgvector 0.7 or newer is needed in the schema "extensions"',
      detail = jsonb_build_object('extension', 'vector')::text,
      hint = 'Install pgvector, or move it: alter extension vector set schema extensions';
  end if;
  if to_regnamespace('pgmq') is null then
    raise exception using
      errcode = 'CG030',
      message = 'pgmq 1.5.1 or newer is needed',
      detail = jsonb_build_object('extension', 'pgmq')::text,
      hint = 'Install the pgmq extension on this server, then apply the migrations again';
  end if;
end
$$;

-- cogo: tables and internal functions, exposed to nobody. cogo_api: the only schema the Data API serves.
create schema if not exists cogo;
create schema if not exists cogo_api;
comment on schema cogo is 'COGO: tables and internal functions. Not exposed; reach it through cogo_api.';
comment on schema cogo_api is 'COGO: the exposed functions. Every one checks its caller.';

revoke all on schema cogo from public;
revoke all on schema cogo_api from public;
-- usage on cogo lets a policy call cogo.can_read_topic; no table and no other function of it is granted.
grant usage on schema cogo to anon, authenticated, service_role;
grant usage on schema cogo_api to anon, authenticated, service_role;
