select note('r', cogo_api.request_begin('{"trace_id":"t1","function":"chat","principal":"x","idempotency":{"key":"k","request_hash":"h"}}'));
select cogo_api.request_end(jsonb_build_object('trace_id', 't1', 'function', 'chat', 'principal', 'x', 'status', 500, 'trace_status', 'failed',
  'idempotency', jsonb_build_object('key', 'k', 'lock_token', noted('r') #>> '{idempotency,lock_token}', 'store', false)));
select is((select count(*) from cogo.idempotency_keys), 0::bigint);
select is((select status from cogo.traces where trace_id = 't1'), 'failed');
