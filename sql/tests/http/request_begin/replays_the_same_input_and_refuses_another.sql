create function tests.begin_with(key text, hash text) returns jsonb language sql as $$
  select cogo_api.request_begin(jsonb_build_object('trace_id', 't-' || gen_random_uuid(), 'function', 'chat', 'principal', 'user:a',
    'idempotency', jsonb_build_object('key', key, 'request_hash', hash))) -> 'idempotency' $$;
select note('first', begin_with('k', 'h1'));
select is(noted('first') ->> 'state', 'new');
select is(begin_with('k', 'h1') ->> 'state', 'running', 'while it runs');
select is(begin_with('k', 'h2') ->> 'state', 'conflict', 'another input, also while it runs');
select cogo_api.request_end(jsonb_build_object('trace_id', 't', 'function', 'chat', 'principal', 'user:a', 'status', 200,
  'idempotency', jsonb_build_object('key', 'k', 'lock_token', noted('first') ->> 'lock_token', 'store', true,
    'response', '{"status":200,"body":"hello"}'::jsonb)));
select is(begin_with('k', 'h1') #>> '{response,body}', 'hello');
select is(begin_with('k', 'h1') ->> 'state', 'replay');
select is(begin_with('k', 'h2') ->> 'state', 'conflict');
update cogo.idempotency_keys set expires_at = clock_timestamp() - interval '1 second';
select is(begin_with('k', 'h2') ->> 'state', 'new', 'an expired key is free again');
select is(cogo_api.request_begin('{"trace_id":"other","function":"chat","principal":"user:b","idempotency":{"key":"k","request_hash":"h9"}}')
  #>> '{idempotency,state}', 'new', 'keys belong to their principal');
