-- cogo.oldest_worker: the oldest version of cogo-work that keeps this schema's contracts. Raised with a change it could not follow.
create function cogo.oldest_worker()
returns text
language sql
immutable
set search_path = ''
as $$ select '0.1.0' $$;
