-- cogo.executor_state: what an executor is doing. stopped: it left in good order; dead: it missed three beats; silent: it promised no
-- beats and was not seen for 60 s; draining: takes no more jobs; working, idle: by its last beat.
create function cogo.executor_state(e cogo.executors)
returns text
language sql
stable
set search_path = ''
as $$
  select case
    when e.stopped_at is not null then 'stopped'
    when e.dead_at is not null then 'dead'
    when e.last_seen < clock_timestamp() - interval '60 seconds' then 'silent'
    when e.draining then 'draining'
    when e.running > 0 then 'working'
    else 'idle'
  end
$$;
