-- Requests of the last hour by function: how many, how many failed, how long they took.
select t.function, count(*) as requests, count(*) filter (where t.status = 'failed') as failed,
       round((percentile_cont(0.5) within group (order by t.duration_ms))::numeric, 1) as p50_ms,
       round((percentile_cont(0.95) within group (order by t.duration_ms))::numeric, 1) as p95_ms
  from cogo.traces t
 where t.created_at > clock_timestamp() - interval '1 hour'
 group by t.function
 order by requests desc;
