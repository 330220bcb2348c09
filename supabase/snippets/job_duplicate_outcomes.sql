-- Jobs with more than one recorded outcome. Fencing promises that this is always empty; a row here is a defect worth reporting.
select e.job_id, count(*) as outcomes, array_agg(e.kind order by e.id) as kinds, min(e.at) as first_at, max(e.at) as last_at
  from (select x.job_id, x.id, x.kind, x.at from cogo.job_events x where x.kind in ('job.cancelled', 'job.error')
        union all
        -- a success is in the job's row
        select j.id, (extract(epoch from j.finished_at) * 1000000)::bigint, 'job.done', j.finished_at from cogo.jobs j where j.state = 'succeeded'
        union all
        select h.id, (extract(epoch from h.finished_at) * 1000000)::bigint, 'job.done', h.finished_at from cogo.jobs_history h where h.state = 'succeeded') e
 group by e.job_id
having count(*) > 1
 order by last_at desc
 limit 100;
