-- cogo.take_idempotency: claims a key for (principal, function) and returns the verdict:
--   {state:"new", lock_token}       the caller executes and must end with request_end
--   {state:"replay", response}      answered before with the same input
--   {state:"running"}               another request with the same input executes now; ask again
--   {state:"conflict"}              the key was used with another input
-- spec: {key, request_hash, ttl_s?}. A holder that has not ended after 180 s is taken for dead.
create function cogo.take_idempotency(principal text, function text, spec jsonb, trace_id text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  lock_life constant interval := interval '180 seconds';
  held   cogo.idempotency_keys;
  moment timestamptz := clock_timestamp();
  token  uuid := gen_random_uuid();
  ends   timestamptz := moment + make_interval(secs => least(greatest(coalesce((spec ->> 'ttl_s')::int, 86400), 1), 604800));
begin
  if spec ->> 'request_hash' is null or coalesce(length(spec ->> 'key'), 0) not between 1 and 255 then
    perform cogo.fail('CG000', 'idempotency needs key (1 to 255 characters) and request_hash');
  end if;
  insert into cogo.idempotency_keys as k (principal, function, key, request_hash, state, lock_token, locked_until, trace_id, expires_at)
  values (take_idempotency.principal, take_idempotency.function, spec ->> 'key', spec ->> 'request_hash', 'running', token,
    moment + lock_life, take_idempotency.trace_id, ends)
  on conflict on constraint idempotency_keys_pkey do nothing;
  if found then
    return jsonb_build_object('state', 'new', 'lock_token', token);
  end if;

  select k.* into held from cogo.idempotency_keys k
   where k.principal = take_idempotency.principal and k.function = take_idempotency.function and k.key = spec ->> 'key'
     for update;
  if not found then
    -- released between the two statements; the next try finds the key free
    return jsonb_build_object('state', 'running');
  end if;
  if held.expires_at > moment then
    if held.request_hash <> spec ->> 'request_hash' then
      return jsonb_build_object('state', 'conflict');
    elsif held.state = 'done' then
      return jsonb_build_object('state', 'replay', 'response', held.response, 'trace_id', held.trace_id);
    elsif held.locked_until > moment then
      return jsonb_build_object('state', 'running');
    end if;
  end if;
  update cogo.idempotency_keys k
     set request_hash = spec ->> 'request_hash', state = 'running', lock_token = token, locked_until = moment + lock_life,
         response = null, trace_id = take_idempotency.trace_id, created_at = moment, expires_at = ends
   where k.principal = held.principal and k.function = held.function and k.key = held.key;
  return jsonb_build_object('state', 'new', 'lock_token', token);
end
$$;
