-- cogo.hand_on: gives back n slots of a concurrency key and admits the next blocked jobs of it. A slot that one job leaves and the next
-- one takes is not written at all. The caller holds the slot; blocked jobs are locked here, and one that is locked by another is left
-- to it (sweep finds a slot that stays free). room: how many slots are free then, where the caller has read it with the lock. Within a
-- turn that takes a job of any type nobody is rung: who made the room takes what is at the head of the lane in the same call.
create function cogo.hand_on(project_id uuid, key text, n int, room int default null)
returns void
language plpgsql
set search_path = ''
as $$
declare
  taken int := 0;
  next  uuid[];
  home  text;
  same  boolean;
begin
  if room is null then
    room := coalesce((select s.slots - greatest(s.used - n, 0) from cogo.job_slots s where s.project_id = hand_on.project_id and s.key = hand_on.key), 0);
  end if;
  if room > 0 then
    select array_agg(x.id order by x.id), count(*), min(x.lane), bool_and(x.pinned_executor_id is null) and min(x.lane) = max(x.lane)
      into next, taken, home, same
      from (select j.id, j.lane, j.pinned_executor_id from cogo.jobs j
             where j.project_id = hand_on.project_id and j.concurrency_key = hand_on.key and j.state = 'blocked' and j.blocked_on = 'slot'
             order by j.band, j.id
             limit room
               for update skip locked) x;
  end if;
  if taken <> n then
    update cogo.job_slots s set used = greatest(s.used - n, 0) + taken where s.project_id = hand_on.project_id and s.key = hand_on.key;
  end if;
  if same then
    -- push_jobs for jobs of one lane
    update cogo.jobs j set state = 'queued', blocked_on = null, msg_id = p.msg_id, queued_at = clock_timestamp()
      from cogo.push(home, next) p
     where j.id = p.job_id;
    if not exists (select from cogo.executors e where e.id = current_setting('cogo.taker', true) and e.kind = split_part(home, '/', 1)) then
      perform cogo.ring(hand_on.project_id, home, null, 0);
    end if;
  elsif taken > 0 then
    perform cogo.push_jobs(next, true);
  end if;
end
$$;
