create function tests.take(cost int default 1) returns jsonb language sql as $$
  select cogo_api.request_begin(jsonb_build_object('trace_id', 't-' || gen_random_uuid(), 'function', 'f', 'principal', 'x',
    'rate', jsonb_build_object('bucket', 'b', 'capacity', 3, 'refill_per_s', 0.001, 'cost', cost))) $$;
select is(take() #>> '{rate,remaining}', '2');
select is(take(2) #>> '{rate,allowed}', 'true');
select note('no', take());
select is(noted('no') #>> '{rate,allowed}', 'false');
select cmp_ok((noted('no') #>> '{rate,retry_after_s}')::numeric, '>=', 999::numeric);
select is(noted('no') -> 'trace', 'null'::jsonb, 'a refused request leaves no trace');
update cogo.rate_buckets set updated_at = clock_timestamp() - interval '2000 seconds';
select is(take() #>> '{rate,remaining}', '1', 'it refills with time: two came back, one is taken');
