-- cogo_api.cancel: cancels a job, and unless children is false what is below it and not over; returns {job_id, state,
-- cancel_requested, children}. Those that do not run are cancelled at once; running ones are asked to stop (by their next beat, and by
-- the doorbell) and count as cancelled when their worker reports or loses the lease. children: how many below it this call cancelled
-- or asked to stop. Again on a cancelled job is harmless. Needs editor.
-- Errors: CG003 as readable_job; CG022 the job succeeded or is dead.
create function cogo_api.cancel(job_id uuid, children boolean default true)
returns jsonb
language plpgsql
security definer
set search_path = ''
set seq_page_cost = 40
as $$
declare
  job    cogo.jobs := cogo.readable_job(cancel.job_id, 'editor');
  ids    uuid[] := cogo.lock_family(job.id, coalesce(children, true));
  asked  uuid[];
  ended  uuid[];
  queued uuid[];
  item   record;
begin
  select j.* into job from cogo.jobs j where j.id = job.id;
  if not found then
    job := cogo.readable_job(cancel.job_id, 'editor');
  end if;
  if job.state in ('succeeded', 'dead') then
    perform cogo.fail('CG022', format('the job is %s already', job.state), jsonb_build_object('state', job.state));
  end if;
  select coalesce(array_agg(j.id) filter (where j.state = 'running'), '{}'),
         coalesce(array_agg(j.id) filter (where j.state in ('scheduled', 'blocked', 'queued')), '{}'),
         coalesce(array_agg(j.id) filter (where j.state = 'queued'), '{}')
    into asked, ended, queued
    from cogo.jobs j
   where j.id = any (ids) and j.state not in ('succeeded', 'dead', 'cancelled') and (j.state <> 'running' or j.cancel_requested_at is null);
  update cogo.jobs j set cancel_requested_at = clock_timestamp() where j.id = any (asked || ended);
  for item in select j.id, j.executor_id from cogo.jobs j where j.id = any (asked) order by j.id loop
    perform cogo.tell(array[item.id], 'job.cancel_requested', jsonb_build_object('executor_id', item.executor_id));
    perform cogo.hint('agents:' || item.executor_id, 'cancel', jsonb_build_object('job_id', item.id));
  end loop;
  for item in
    select j.lane, array_agg(j.msg_id order by j.msg_id) as messages
      from cogo.jobs j where j.id = any (queued) and j.msg_id is not null group by j.lane order by j.lane
  loop
    perform cogo.drop_messages(item.lane, item.messages);
  end loop;
  perform cogo.settle_cancelled(ended);
  perform cogo.jobs_over(ended, queued);
  job := cogo.readable_job(cancel.job_id, 'editor');
  return jsonb_build_object('job_id', job.id, 'state', job.state, 'cancel_requested', job.cancel_requested_at is not null,
    'children', cardinality(array_remove(asked || ended, job.id)));
end
$$;
revoke all on function cogo_api.cancel(uuid, boolean) from public;
grant execute on function cogo_api.cancel(uuid, boolean) to anon, authenticated, service_role;
