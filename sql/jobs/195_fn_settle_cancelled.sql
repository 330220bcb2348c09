-- cogo.settle_cancelled: ends a locked job as cancelled and records it. Its slot is the caller's to give back.
create function cogo.settle_cancelled(job_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  home uuid;
begin
  update cogo.jobs j
     set state = 'cancelled', finished_at = clock_timestamp(), lease_token = null, lease_until = null, msg_id = null
   where j.id = settle_cancelled.job_id
  returning j.project_id into home;
  insert into cogo.job_events (job_id, project_id, kind, data)
  values (settle_cancelled.job_id, home, 'job.cancelled', jsonb_build_object('state', 'cancelled'));
end
$$;
