-- cogo.family: a job and all below it, the job first. Also those that are over: what a child began may go on when the child has ended.
create function cogo.family(job_id uuid)
returns uuid[]
language sql
stable
set search_path = ''
as $$
  with recursive below as (
    select family.job_id as id, 0 as depth
    union all
    select j.id, b.depth + 1
      from below b join cogo.jobs j on j.parent_id = b.id
  )
  select array(select b.id from below b order by b.depth, b.id)
$$;
