-- cogo.apply_rates: puts off items whose key has a rate (job_rates), by GCRA: the n-th of them starts when the rate lets it. Locks the
-- rates in order of their keys. Nothing is checked later: a claim costs the same with a rate and without.
create function cogo.apply_rates(project_id uuid, plan cogo.planned_job[])
returns cogo.planned_job[]
language plpgsql
set search_path = ''
as $$
declare
  answer cogo.planned_job[];
  moment timestamptz := clock_timestamp();
begin
  if not exists (select from cogo.job_rates r where r.project_id = apply_rates.project_id) then
    return plan;
  end if;
  perform from cogo.job_rates r
    where r.project_id = apply_rates.project_id and r.key in (select p.rate_key from unnest(plan) p where p.fresh)
    order by r.key for update;
  select array_agg((p.nth, p.job_id, p.fresh, p.type, p.payload, p.lane, p.band,
           greatest(p.run_at, r.at), case when r.at > moment and p.wait is null then 'time' else p.wait end,
           p.max_attempts, p.key, p.request_hash, p.pin, p.concurrency_key, p.rate_key, p.parent_id, p.trace_id, p.msg_id,
           p.problem)::cogo.planned_job order by p.nth)
    into answer
    from unnest(plan) p
    left join lateral (
      select greatest(r.tat, moment) + make_interval(secs => r.interval_s
               * ((select count(*) from unnest(plan) x where x.fresh and x.rate_key = p.rate_key and x.nth < p.nth) - r.burst + 1)) as at
        from cogo.job_rates r
       where r.project_id = apply_rates.project_id and r.key = p.rate_key and p.fresh) r on true;
  update cogo.job_rates r
     set tat = greatest(r.tat, moment) + make_interval(secs => r.interval_s * n.jobs)
    from (select p.rate_key, count(*) as jobs from unnest(plan) p where p.fresh group by p.rate_key) n
   where r.project_id = apply_rates.project_id and r.key = n.rate_key;
  return answer;
end
$$;
