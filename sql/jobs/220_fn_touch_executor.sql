-- cogo.touch_executor: presence. Writes last_seen at most every 10 seconds, unless insist.
create function cogo.touch_executor(executor_id text, insist boolean default false)
returns void
language sql
set search_path = ''
as $$
  update cogo.executors e
     set last_seen = clock_timestamp()
   where e.id = touch_executor.executor_id
     and (insist or e.last_seen < clock_timestamp() - interval '10 seconds')
$$;
