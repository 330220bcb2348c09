-- cogo.admit_jobs: makes locked jobs that are due queued, or blocked: on slot where their concurrency key has none left (jobs of one
-- key take its slots by band and age), on turn where their project has its share of the lane's ready list. The caller holds the locks
-- of lock_jobs. handed_on: as push_jobs.
create function cogo.admit_jobs(ids uuid[], handed_on boolean default false)
returns void
language plpgsql
set search_path = ''
as $$
declare
  admitted uuid[];
  late     uuid[];
begin
  if cardinality(ids) = 0 then
    return;
  end if;
  with wanting as (
    select j.id, j.project_id, j.concurrency_key,
           row_number() over (partition by j.project_id, j.concurrency_key order by j.band, j.id) as place
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
  select coalesce(array_agg(f.id), '{}') into admitted from free f;

  update cogo.jobs j set state = 'blocked', blocked_on = 'slot'
   where j.id = any (admit_jobs.ids) and j.state in ('scheduled', 'blocked') and not (j.id = any (admitted))
     and j.blocked_on is distinct from 'slot';

  select coalesce(array_agg(p.id), '{}') into late
    from (select j.id, row_number() over (partition by j.project_id, j.lane order by j.id) as place, h.room
            from cogo.jobs j
            join (select r.project_id, r.lane, cogo.ready_room(r.project_id, r.lane) as room
                    from (select distinct x.project_id, x.lane from cogo.jobs x
                           where x.id = any (admitted) and x.pinned_executor_id is null and x.concurrency_key is null
                           offset 0) r) h
              on h.project_id = j.project_id and h.lane = j.lane
           where j.id = any (admitted) and j.pinned_executor_id is null and j.concurrency_key is null) p
   where p.place > p.room;
  if cardinality(late) > 0 then
    update cogo.jobs j set state = 'blocked', blocked_on = 'turn' where j.id = any (late);
    perform cogo.mark_backlog(array(select distinct j.lane from cogo.jobs j where j.id = any (late)));
    admitted := array(select a from unnest(admitted) a except select l from unnest(late) l);
  end if;
  perform cogo.push_jobs(admitted, handed_on);
end
$$;
