-- cogo.admit_jobs: makes locked jobs that are due queued, or blocked where their concurrency key has no slot left. Jobs of one key
-- take its slots by band and age. The caller holds the locks of lock_jobs.
create function cogo.admit_jobs(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  admitted uuid[];
begin
  with wanting as (
    select j.id, j.project_id, j.concurrency_key,
           row_number() over (partition by j.project_id, j.concurrency_key order by j.band, j.created_at, j.id) as place
      from cogo.jobs j
     where j.id = any (admit_jobs.ids) and j.state in ('scheduled', 'blocked')
  ),
  free as (
    select w.id, w.project_id, w.concurrency_key
      from wanting w
      left join cogo.job_slots s on s.project_id = w.project_id and s.key = w.concurrency_key
     where w.concurrency_key is null or w.place <= s.slots - s.used
  ),
  taken as (
    update cogo.job_slots s
       set used = s.used + f.n
      from (select x.project_id, x.concurrency_key, count(*)::int as n from free x
             where x.concurrency_key is not null group by x.project_id, x.concurrency_key) f
     where s.project_id = f.project_id and s.key = f.concurrency_key
  )
  select array_agg(f.id) into admitted from free f;

  update cogo.jobs j set state = 'blocked'
   where j.id = any (admit_jobs.ids) and j.state = 'scheduled' and not (j.id = any (coalesce(admitted, '{}')));
  if admitted is not null then
    perform cogo.push_jobs(admitted);
  end if;
end
$$;
