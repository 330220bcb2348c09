-- cogo.call_weight: what calls seen at run time weigh now: ln(1 + count), halved every 30 days since they were seen.
create function cogo.call_weight(count double precision, observed_at timestamptz)
returns double precision
language sql
stable
set search_path = ''
as $$
  select ln(1 + count) * power(0.5, greatest(extract(epoch from now() - observed_at), 0) / 2592000.0)
$$;
