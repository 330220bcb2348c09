-- Worker presence: who is there, when it was heard of last, and what it holds.
select e.id as executor, p.slug as project, e.kind, e.epoch, e.draining,
       cogo.executor_state(e) as presence,
       round(extract(epoch from clock_timestamp() - e.last_seen)::numeric, 1) as seen_s_ago,
       e.info -> 'slots' as slots, count(j.id) as running, e.info ->> 'version' as version
  from cogo.executors e
  left join cogo.projects p on p.id = e.project_id
  left join cogo.jobs j on j.state = 'running' and j.executor_id = e.id
 group by e.id, p.slug
 order by e.last_seen desc;
