-- cogo.ring_doorbell: wakes one edge consumer of an executor kind over pg_net, where jobs wait for it (needs_ring) and a seat is free;
-- returns whether it rang. At most one ring in 100 ms; while one is unanswered, in five seconds. Called by pg_cron every second, by
-- whatever makes jobs ready, and by a consumer that leaves work behind. The request goes out when the caller's transaction commits.
-- Two at once: one rings, the other returns at once.
create function cogo.ring_doorbell(executor text default 'cogo-plan')
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  bell   cogo.doorbells;
  ticket text;
begin
  select d.* into bell from cogo.doorbells d
   where d.executor = ring_doorbell.executor and d.url is not null
     and (d.rung_at is null or d.rung_at < clock_timestamp() - make_interval(secs => case when d.ticket_hash is null then 0.1 else 5 end));
  if not found or to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is null then
    return false;
  end if;
  if not cogo.needs_ring(bell.executor, bell.types) or cogo.free_seat(bell.executor, bell.seats) is null then
    return false;
  end if;
  -- the same again under the lock; who holds it rings
  select d.* into bell from cogo.doorbells d
   where d.executor = bell.executor and d.url is not null and d.rung_at is not distinct from bell.rung_at
     for update skip locked;
  if not found then
    return false;
  end if;
  ticket := cogo.new_secret();
  update cogo.doorbells d set rung_at = clock_timestamp(), ticket_hash = sha256(convert_to(ticket, 'UTF8')) where d.executor = bell.executor;
  perform net.http_post(url := bell.url, body := jsonb_build_object('ticket', ticket), timeout_milliseconds := 5000);
  return true;
end
$$;
