-- cogo.jobs_over: what follows when jobs became succeeded, cancelled or dead: their parents have fewer children to await, and go on
-- when none is left. held: those of them that had a slot, which is given back. The caller holds the locks of lock_jobs.
create function cogo.jobs_over(ids uuid[], held uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  resumed uuid[];
begin
  if exists (select from cogo.jobs j where j.id = any (ids) and j.parent_id is not null) then
    with fewer as (
      update cogo.jobs p
         set pending_children = greatest(p.pending_children - c.n, 0)
        from (select j.parent_id, count(*)::int as n from cogo.jobs j
               where j.id = any (ids) and j.parent_id is not null group by j.parent_id) c
       where p.id = c.parent_id
      returning p.id, p.pending_children, p.blocked_on
    )
    select array_agg(f.id order by f.id) into resumed from fewer f where f.pending_children = 0 and f.blocked_on = 'children';
    if resumed is not null then
      perform cogo.tell(resumed, 'job.resumed', '{}');
      perform cogo.admit_jobs(resumed);
    end if;
  end if;
  perform cogo.free_slots(held);
end
$$;
