-- cogo_api.set_doorbell: says where the edge consumer of an executor kind is and how many may work at once (1 to 20; as before where
-- null); url null silences it, and with the last one the schedule of every second ends. Returns {executor, url, seats}. Forgets what the consumers said they can do: another one may stand there.
-- Errors: CG002 not the server; CG004 url is not http(s) or holds a user, seats out of range, unknown executor.
create function cogo_api.set_doorbell(url text, executor text default 'cogo-plan', seats int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  bell cogo.doorbells;
begin
  perform cogo.require_service();
  insert into cogo.doorbells as d (executor, url, seats)
  values (set_doorbell.executor, set_doorbell.url, coalesce(set_doorbell.seats, 2))
  on conflict on constraint doorbells_pkey do update
    set url = excluded.url, seats = coalesce(set_doorbell.seats, d.seats), types = null, ticket_hash = null, rung_at = null
  returning d.* into bell;
  -- looked at every second only where there is something to ring
  if to_regprocedure('cron.schedule(text,text,text)') is not null then
    if exists (select from cogo.doorbells d where d.url is not null) then
      perform cron.schedule('cogo-doorbell', '1 second', 'select cogo.ring_doorbell(d.executor) from cogo.doorbells d');
    elsif exists (select from cron.job j where j.jobname = 'cogo-doorbell') then
      perform cron.unschedule('cogo-doorbell');
    end if;
  end if;
  return jsonb_build_object('executor', bell.executor, 'url', bell.url, 'seats', bell.seats);
exception when check_violation or not_null_violation then
  perform cogo.fail('CG004', 'url must be http(s) without a user, seats 1 to 20, executor cogo-plan or cogo-work', jsonb_build_object('reason', sqlerrm));
  return null;
end
$$;
revoke all on function cogo_api.set_doorbell(text, text, int) from public;
grant execute on function cogo_api.set_doorbell(text, text, int) to service_role;
