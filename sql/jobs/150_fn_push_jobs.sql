-- cogo.push_jobs: makes locked jobs queued: each gets a new message in its lane's queue, or none where it is pinned. Their slots
-- must be taken already. Rings the executors; only one where they are handed on: who made room for them has a hand free itself.
create function cogo.push_jobs(ids uuid[], handed_on boolean default false)
returns void
language plpgsql
set search_path = ''
as $$
declare
  batch record;
begin
  if cardinality(ids) = 0 then
    return;
  end if;
  for batch in
    select j.lane, array_agg(j.id order by j.id) as ids
      from cogo.jobs j
     where j.id = any (push_jobs.ids) and j.pinned_executor_id is null
     group by j.lane
     order by j.lane
  loop
    update cogo.jobs j
       set state = 'queued', blocked_on = null, msg_id = p.msg_id, queued_at = clock_timestamp(), lease_token = null, lease_until = null
      from cogo.push(batch.lane, batch.ids) p
     where j.id = p.job_id;
  end loop;
  update cogo.jobs j
     set state = 'queued', blocked_on = null, msg_id = null, queued_at = clock_timestamp(), lease_token = null, lease_until = null
   where j.id = any (push_jobs.ids) and j.pinned_executor_id is not null;
  perform cogo.ring(w.project_id, w.lane, w.pinned_executor_id, case when handed_on then 0 else w.n end)
     from (select j.project_id, j.lane, j.pinned_executor_id, count(*) as n
             from cogo.jobs j where j.id = any (push_jobs.ids) group by 1, 2, 3) w;
end
$$;
