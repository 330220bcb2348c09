-- cogo.free_slots: gives back the slots of jobs that stopped being queued or running, and hands them on. The caller holds the locks of
-- lock_jobs for the given jobs, so their slots are locked.
create function cogo.free_slots(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform cogo.hand_on(f.project_id, f.concurrency_key, f.n)
     from (select j.project_id, j.concurrency_key, count(*)::int as n
             from cogo.jobs j
            where j.id = any (free_slots.ids) and j.concurrency_key is not null
            group by j.project_id, j.concurrency_key
            order by j.project_id, j.concurrency_key) f;
end
$$;
