-- cogo.schema_version: the timestamp of the newest migration. Each migration that follows replaces this function.
create function cogo.schema_version()
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$ select '20261121180000' $$;
