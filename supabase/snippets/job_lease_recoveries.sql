-- Leases taken back in the last day: whose they were, and how long after its start the attempt was given up.
select a.executor_id, count(*) as leases, count(distinct a.job_id) as jobs,
       round(percentile_cont(0.5) within group (order by extract(epoch from a.ended_at - a.started_at))::numeric, 1) as held_p50_s,
       max(a.ended_at) as last_at
  from cogo.job_attempts a
 where a.outcome = 'lost' and a.ended_at > clock_timestamp() - interval '1 day'
 group by a.executor_id
 order by leases desc;
