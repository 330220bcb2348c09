-- cogo.create_lane_functions: makes the functions that touch the table of a lane's queue, or makes them again.
-- They are generated so that their SQL is static: pgmq's own functions build SQL on each call and are planned on each call.
-- Only columns of pgmq 1.5.1 are used: msg_id, vt, message. vt is never in the future: delays live in cogo.jobs.run_at.
--   push_<queue>(ids)        adds a message per job; (job_id, msg_id); 'rows 20' keeps the planner from a hash over all jobs
--   pop_<queue>(qty)         takes out the oldest messages and returns their jobs, locked; drops messages whose job moved on; leaves
--                            those whose job is locked by someone else. Waits for nothing.
--   drop_<queue>(msg_ids)    removes messages; one that is being claimed just now is left to its claimer, who finds it stale
--   head_<queue>()           (oldest message or null, newest message ever)
--   lost_<queue>(lim)        queued jobs whose message is gone, or lies below the watermark for 10 s; locked
-- The watermark low_<queue> is a sequence: a hint below which nobody looks, which keeps claims off the dead rows at the queue's head
-- while an old snapshot keeps them from being vacuumed. A sequence has no row versions of its own, so it is cheap under just that.
-- turn_<queue> is the same for jobs that wait for their turn: microseconds of run_at, which sweep moves, also down.
-- It trails the oldest message taken by 500 ids, for transactions that took an id and commit late; sweep re-sends what is later still.
create function cogo.create_lane_functions(lane text, queue text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  execute format($sql$
    create or replace function cogo.push_%1$s(ids uuid[])
    returns table (job_id uuid, msg_id bigint)
    language plpgsql
    rows 20
    set search_path = ''
    as $fn$
    #variable_conflict use_column
    begin
      return query
        insert into pgmq.q_%1$s as q (vt, message)
        select clock_timestamp(), jsonb_build_object('j', i.id)
          from unnest(ids) with ordinality as i(id, nth)
         order by i.nth
        returning (q.message ->> 'j')::uuid, q.msg_id;
    end
    $fn$
  $sql$, queue);

  execute format($sql$
    create or replace function cogo.pop_%1$s(qty int)
    returns uuid[]
    language plpgsql
    set search_path = ''
    as $fn$
    declare
      low      bigint;
      places   tid[];
      messages bigint[];
      wanted   uuid[];
      taken    uuid[];
      done     bigint[];
    begin
      select array_agg(p.ctid), array_agg(p.msg_id), array_agg(p.job_id) into places, messages, wanted
        from (select q.ctid, q.msg_id, (q.message ->> 'j')::uuid as job_id
                from pgmq.q_%1$s q
               where q.msg_id >= (select s.last_value from cogo.low_%1$s s)
               order by q.msg_id
               limit qty
                 for update skip locked) p;
      if messages is null then
        return '{}';
      end if;
      select array_agg(l.id order by l.msg_id), array_agg(l.msg_id) into taken, done
        from (select j.id, j.msg_id from cogo.jobs j
               where j.id = any (wanted) and j.state = 'queued' and j.msg_id = any (messages)
               order by j.id
                 for update skip locked) l;
      if cardinality(done) = cardinality(messages) then
        delete from pgmq.q_%1$s q where q.ctid = any (places);
      else
        delete from pgmq.q_%1$s q
         where q.msg_id = any (messages)
           and (q.msg_id = any (done)
                or not exists (select from cogo.jobs j
                                where j.id = (q.message ->> 'j')::uuid and j.state = 'queued' and j.msg_id = q.msg_id));
      end if;
      low := (select s.last_value from cogo.low_%1$s s);
      if messages[1] - 500 > low + 100 then
        perform setval('cogo.low_%1$s', messages[1] - 500);
      end if;
      return coalesce(taken, '{}');
    end
    $fn$
  $sql$, queue);

  execute format($sql$
    create or replace function cogo.drop_%1$s(msg_ids bigint[])
    returns void
    language plpgsql
    set search_path = ''
    as $fn$
    begin
      delete from pgmq.q_%1$s q
       where q.msg_id in (select x.msg_id from pgmq.q_%1$s x where x.msg_id = any (msg_ids) order by x.msg_id for update skip locked);
    end
    $fn$
  $sql$, queue);

  execute format($sql$
    create or replace function cogo.head_%1$s(out oldest bigint, out newest bigint)
    language sql
    set search_path = ''
    as $fn$
      select (select q.msg_id from pgmq.q_%1$s q order by q.msg_id limit 1), s.last_value
        from pgmq.q_%1$s_msg_id_seq s
    $fn$
  $sql$, queue);

  execute format($sql$
    create or replace function cogo.lost_%1$s(lim int)
    returns uuid[]
    language sql
    set search_path = ''
    as $fn$
      select array(
        select j.id from cogo.jobs j
         where j.lane = %2$L and j.state = 'queued' and j.pinned_executor_id is null
           and j.queued_at < clock_timestamp() - interval '10 seconds'
           and (j.msg_id < (select s.last_value from cogo.low_%1$s s)
                or not exists (select from pgmq.q_%1$s q where q.msg_id = j.msg_id))
         order by j.id limit lim
           for update skip locked)
    $fn$
  $sql$, queue, lane);
end
$$;
