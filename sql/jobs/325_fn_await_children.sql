-- cogo.await_children: a running, locked job steps aside until its children are over: blocked, or queued again at once where none is
-- left. Its slot is given back meanwhile. Returns its new state.
create function cogo.await_children(job_id uuid, checkpoint jsonb)
returns text
language plpgsql
set search_path = ''
as $$
declare
  left_over int;
begin
  if checkpoint is not null and jsonb_typeof(checkpoint) <> 'null' then
    update cogo.job_payloads p set checkpoint = await_children.checkpoint
      from cogo.jobs j where j.id = await_children.job_id and p.project_id = j.project_id and p.job_id = j.id;
  end if;
  perform cogo.close_attempts(array[await_children.job_id], 'awaiting');
  update cogo.jobs j set state = 'blocked', blocked_on = 'children', lease_token = null, lease_until = null
   where j.id = await_children.job_id
  returning j.pending_children into left_over;
  perform cogo.tell(array[await_children.job_id], 'job.awaiting', jsonb_build_object('children', left_over));
  perform cogo.free_slots(array[await_children.job_id]);
  if left_over = 0 then
    perform cogo.admit_jobs(array[await_children.job_id]);
  end if;
  return (select j.state from cogo.jobs j where j.id = await_children.job_id);
end
$$;
