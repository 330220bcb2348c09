create function tests.begin_with(hash text) returns jsonb language sql as $$
  select cogo_api.request_begin(jsonb_build_object('trace_id', 't-' || gen_random_uuid(), 'function', 'chat', 'principal', 'user:a',
    'idempotency', jsonb_build_object('key', 'k', 'request_hash', hash))) -> 'idempotency' $$;
select note('dead', begin_with('h'));
update cogo.idempotency_keys set locked_until = clock_timestamp() - interval '1 second';
select is(begin_with('other') ->> 'state', 'conflict', 'with the same input only');
select note('next', begin_with('h'));
select is(noted('next') ->> 'state', 'new');
select isnt(noted('next') ->> 'lock_token', noted('dead') ->> 'lock_token');
select is(cogo_api.request_end(jsonb_build_object('trace_id', 't', 'function', 'chat', 'principal', 'user:a', 'status', 200,
  'idempotency', jsonb_build_object('key', 'k', 'lock_token', noted('dead') ->> 'lock_token', 'store', true, 'response', '{}'::jsonb)))
  ->> 'stored', 'false', 'the dead holder that wakes up stores nothing');
select is((select state from cogo.idempotency_keys), 'running');
