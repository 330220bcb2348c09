-- cogo.take_rate: takes cost tokens from a bucket in one statement and returns {allowed, limit, remaining, reset_s, retry_after_s}.
-- rate: {bucket, capacity, refill_per_s, cost?}. A refused call takes nothing. reset_s: seconds until the bucket is full.
create function cogo.take_rate(rate jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  capacity double precision := greatest((rate ->> 'capacity')::double precision, 1);
  refill   double precision := greatest((rate ->> 'refill_per_s')::double precision, 1e-6);
  cost     double precision := coalesce((rate ->> 'cost')::double precision, 1);
  moment   timestamptz := clock_timestamp();
  level    double precision;
  took     boolean;
begin
  if rate ->> 'bucket' is null or rate ->> 'capacity' is null or rate ->> 'refill_per_s' is null or cost < 0 then
    perform cogo.fail('CG000', 'rate needs bucket, capacity and refill_per_s');
  end if;
  insert into cogo.rate_buckets as b (bucket, tokens, full_at, updated_at)
  values (rate ->> 'bucket', capacity, moment, moment)
  on conflict (bucket) do nothing;
  -- refill and take under the row lock; the level before the take decides
  select least(capacity, b.tokens + refill * greatest(extract(epoch from moment - b.updated_at), 0)) into level
    from cogo.rate_buckets b where b.bucket = rate ->> 'bucket' for update;
  took := level >= cost;
  if took then
    level := level - cost;
    update cogo.rate_buckets b
       set tokens = level, updated_at = moment, full_at = moment + make_interval(secs => (capacity - level) / refill)
     where b.bucket = rate ->> 'bucket';
  end if;
  return jsonb_build_object(
    'allowed', took, 'limit', capacity, 'remaining', floor(level),
    'reset_s', ceil((capacity - level) / refill),
    'retry_after_s', case when took then 0 else greatest(ceil((cost - level) / refill), 1) end);
end
$$;
