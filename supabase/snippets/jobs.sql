-- Jobs: what waits, what runs, what died, by project and lane.
select p.slug, j.lane, j.state, j.blocked_on, count(*) as jobs,
       round(extract(epoch from clock_timestamp() - min(j.queued_at) filter (where j.state = 'queued'))::numeric, 1) as oldest_queued_s,
       round(avg(extract(epoch from j.finished_at - j.started_at)) filter (where j.state = 'succeeded')::numeric, 2) as mean_run_s
  from cogo.jobs j join cogo.projects p on p.id = j.project_id
 group by p.slug, j.lane, j.state, j.blocked_on
 order by p.slug, j.lane, j.state;
