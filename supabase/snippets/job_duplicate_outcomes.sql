-- Jobs with more than one recorded outcome. Fencing promises that this is always empty; a row here is a defect worth reporting.
select e.job_id, count(*) as outcomes, array_agg(e.kind order by e.id) as kinds, min(e.at) as first_at, max(e.at) as last_at
  from cogo.job_events e
 where e.kind in ('job.done', 'job.cancelled', 'job.error')
 group by e.job_id
having count(*) > 1
 order by last_at desc
 limit 100;
