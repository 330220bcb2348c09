-- cogo.lock_jobs: locks the slots the jobs may touch, then the jobs and their parents, each sorted: the first step of everything that
-- changes jobs by id. Concurrency keys and parents never change, so they can be read before the lock.
create function cogo.lock_jobs(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  parents uuid[];
  keyed   boolean;
begin
  select array_agg(j.parent_id) filter (where j.parent_id is not null), bool_or(j.concurrency_key is not null)
    into parents, keyed
    from cogo.jobs j where j.id = any (ids);
  if keyed or parents is not null then
    perform from cogo.job_slots s
      where (s.project_id, s.key) in (
        select j.project_id, j.concurrency_key from cogo.jobs j
         where j.id = any (ids || parents) and j.concurrency_key is not null)
      order by s.project_id, s.key
        for update;
  end if;
  perform from cogo.jobs j where j.id = any (ids || parents) order by j.id for update;
end
$$;
