-- cogo.settle_cancelled: ends locked jobs as cancelled and records it. What follows is jobs_over's.
create function cogo.settle_cancelled(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  if cardinality(ids) > 0 then
    update cogo.jobs j
       set state = 'cancelled', blocked_on = null, finished_at = clock_timestamp(), lease_token = null, lease_until = null, msg_id = null
     where j.id = any (ids);
    perform cogo.tell(ids, 'job.cancelled', '{"state":"cancelled"}');
  end if;
end
$$;
