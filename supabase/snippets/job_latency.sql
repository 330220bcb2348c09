-- Latency of the last hour by type: from ready to start, and from start to end, in milliseconds.
select j.type, count(*) as jobs,
       round((percentile_cont(0.5) within group (order by extract(epoch from j.started_at - j.run_at)) * 1000)::numeric, 1) as start_p50_ms,
       round((percentile_cont(0.99) within group (order by extract(epoch from j.started_at - j.run_at)) * 1000)::numeric, 1) as start_p99_ms,
       round((percentile_cont(0.5) within group (order by extract(epoch from j.finished_at - j.leased_at)) * 1000)::numeric, 1) as run_p50_ms,
       round((percentile_cont(0.99) within group (order by extract(epoch from j.finished_at - j.leased_at)) * 1000)::numeric, 1) as run_p99_ms
  from (select x.type, x.run_at, x.started_at, x.leased_at, x.finished_at, x.attempt from cogo.jobs x where x.finished_at > clock_timestamp() - interval '1 hour'
        union all
        select h.type, h.run_at, h.started_at, h.leased_at, h.finished_at, h.attempt from cogo.jobs_history h where h.finished_at > clock_timestamp() - interval '1 hour') j
 where j.attempt = 1 and j.started_at is not null
 group by j.type
 order by jobs desc;
