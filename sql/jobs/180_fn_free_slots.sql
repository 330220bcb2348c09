-- cogo.free_slots: gives back the slots of jobs that stopped being queued or running, and admits the next blocked ones of the same
-- keys. The caller holds the locks of lock_jobs for the given jobs, so their slots are locked; blocked jobs are locked here, and one
-- that is locked by another is left to it (sweep finds a slot that stays free).
create function cogo.free_slots(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  freed record;
  free  int;
begin
  for freed in
    select j.project_id, j.concurrency_key as key, count(*)::int as n
      from cogo.jobs j
     where j.id = any (free_slots.ids) and j.concurrency_key is not null
     group by j.project_id, j.concurrency_key
     order by j.project_id, j.concurrency_key
  loop
    update cogo.job_slots s set used = greatest(s.used - freed.n, 0)
     where s.project_id = freed.project_id and s.key = freed.key
    returning s.slots - s.used into free;
    if free > 0 then
      perform cogo.admit_jobs(array(
        select j.id from cogo.jobs j
         where j.project_id = freed.project_id and j.concurrency_key = freed.key and j.state = 'blocked' and j.blocked_on = 'slot'
         order by j.band, j.id
         limit free
           for update skip locked), true);
    end if;
  end loop;
end
$$;
