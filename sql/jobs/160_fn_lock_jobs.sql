-- cogo.lock_jobs: locks the slots the jobs may touch, then the jobs, each sorted: the first step of everything that changes jobs by
-- id. A concurrency key never changes, so it can be read before the lock.
create function cogo.lock_jobs(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform from cogo.job_slots s
    where (s.project_id, s.key) in (
      select j.project_id, j.concurrency_key from cogo.jobs j where j.id = any (ids) and j.concurrency_key is not null)
    order by s.project_id, s.key
      for update;
  perform from cogo.jobs j where j.id = any (ids) order by j.id for update;
end
$$;
