-- cogo.move_to_history: moves up to lim jobs that succeeded or were cancelled over an hour ago, and whose parent is over, to
-- jobs_history, with their payloads; their steps and closed attempts go. Returns how many.
create function cogo.move_to_history(lim int, older_than interval default '1 hour')
returns int
language plpgsql
set search_path = ''
as $$
declare
  ids uuid[];
begin
  ids := array(
    select j.id from cogo.jobs j
     where j.id < cogo.new_job_id(clock_timestamp() - older_than)
       and j.state in ('succeeded', 'cancelled') and j.finished_at < clock_timestamp() - older_than
       and (j.parent_id is null or not exists (select from cogo.jobs p where p.id = j.parent_id and p.finished_at is null))
     order by j.id
     limit lim
       for update skip locked);
  if cardinality(ids) = 0 then
    return 0;
  end if;
  insert into cogo.jobs_history
  select j.*, p.input, p.error, p.progress
    from cogo.jobs j left join cogo.job_payloads p on p.project_id = j.project_id and p.job_id = j.id where j.id = any (ids);
  -- the history has no attempts: starts that can't be read off any more are stored, and nobody is told of them again
  insert into cogo.job_events (id, job_id, project_id, kind, data, quiet, at)
  select (extract(epoch from a.started_at) * 1000000)::bigint, a.job_id, a.project_id, 'job.started',
         jsonb_build_object('attempt', a.attempt, 'executor_id', a.executor_id), true, a.started_at
    from cogo.job_attempts a
   where a.job_id = any (ids)
     and not exists (
       select from cogo.job_events e
        where e.job_id = a.job_id and e.kind = 'job.started' and (e.data ->> 'attempt')::int = a.attempt);
  delete from cogo.job_steps s where s.job_id = any (ids);
  delete from cogo.job_attempts a where a.job_id = any (ids);
  delete from cogo.job_payloads p using cogo.jobs j where j.id = any (ids) and p.project_id = j.project_id and p.job_id = j.id;
  delete from cogo.jobs j where j.id = any (ids);
  return cardinality(ids);
end
$$;
