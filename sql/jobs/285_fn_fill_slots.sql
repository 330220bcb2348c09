-- cogo.fill_slots: admits blocked jobs whose key has a free slot that nobody handed on. Returns how many.
create function cogo.fill_slots(lim int)
returns int
language plpgsql
set search_path = ''
as $$
declare
  idle record;
  next uuid[];
  made int := 0;
begin
  for idle in
    select s.project_id, s.key, s.slots - s.used as free
      from cogo.job_slots s
     where s.used < s.slots
       and exists (select from cogo.jobs j where j.project_id = s.project_id and j.concurrency_key = s.key and j.state = 'blocked' and j.blocked_on = 'slot')
     order by s.project_id, s.key
     limit lim
       for update of s skip locked
  loop
    next := array(
      select j.id from cogo.jobs j
       where j.project_id = idle.project_id and j.concurrency_key = idle.key and j.state = 'blocked' and j.blocked_on = 'slot'
       order by j.band, j.id
       limit idle.free
         for update skip locked);
    perform cogo.admit_jobs(next);
    made := made + cardinality(next);
  end loop;
  return made;
end
$$;
