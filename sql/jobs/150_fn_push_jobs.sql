-- cogo.push_jobs: makes locked jobs queued: each gets a new message in its lane's queue, or none where it is pinned. Their slots
-- must be taken already. Rings the executors.
create function cogo.push_jobs(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  batch record;
begin
  for batch in
    select j.lane, l.queue_name, array_agg(j.id order by j.created_at, j.id) as ids
      from cogo.jobs j join cogo.lanes l on l.name = j.lane
     where j.id = any (push_jobs.ids) and j.pinned_executor_id is null
     group by j.lane, l.queue_name
     order by j.lane
  loop
    execute format(
      'update cogo.jobs j
          set state = ''queued'', msg_id = p.msg_id, queued_at = clock_timestamp(), lease_token = null, lease_until = null
         from cogo.push_%s($1) p
        where j.id = p.job_id', batch.queue_name)
      using batch.ids;
  end loop;
  update cogo.jobs j
     set state = 'queued', msg_id = null, queued_at = clock_timestamp(), lease_token = null, lease_until = null
   where j.id = any (push_jobs.ids) and j.pinned_executor_id is not null;
  perform cogo.ring(w.project_id, w.lane, w.pinned_executor_id)
     from (select distinct j.project_id, j.lane, j.pinned_executor_id from cogo.jobs j where j.id = any (push_jobs.ids)) w;
end
$$;
