-- COGO faster_turns.

-- built from sql/ by scripts/migrations/build.ts: change the files there

-- sql/core/110_fn_schema_version.sql 35293b220cc6914a
-- cogo.schema_version: the timestamp of the newest migration. Each migration that follows replaces this function.
create or replace function cogo.schema_version()
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$ select '20261121180000' $$;

-- sql/jobs/910_grants.sql 296bad55219eb37c
-- Nothing in cogo is for the API roles but the functions that policies on realtime.messages and storage.objects
-- call. Every migration that adds functions runs this again.
revoke all on all tables in schema cogo from public, anon, authenticated, service_role;
revoke all on all sequences in schema cogo from public, anon, authenticated, service_role;
revoke all on all functions in schema cogo from public, anon, authenticated, service_role;
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text), cogo.can_read_artifact(text),
  cogo.can_write_artifact(text) to anon, authenticated, service_role;

-- sql/jobs/920_artifacts.sql 86579971438d63be
-- by hand

-- end of what is built
