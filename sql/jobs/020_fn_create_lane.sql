-- cogo.create_lane: makes a lane, its pgmq queue, its watermarks, and the functions that touch the queue's table.
create function cogo.create_lane(executor text, capability text, band smallint)
returns text
language plpgsql
set search_path = ''
as $$
declare
  lane  text := format('%s/%s/%s', executor, capability, band);
  queue text := replace(format('%s_%s_%s', executor, capability, band), '-', '_');
begin
  insert into cogo.lanes (name, executor, capability, band, queue_name)
  values (lane, create_lane.executor, create_lane.capability, create_lane.band, queue);
  perform cogo.ensure_queue(queue);
  execute format('create sequence cogo.low_%s as bigint', queue);
  execute format('create sequence cogo.turn_%s as bigint', queue);

  perform cogo.create_lane_functions(lane, queue);
  return lane;
end
$$;

-- cogo.create_dispatch: makes cogo.push, pop, drop_messages, low and turn, which call the functions of a lane by its name without
-- building SQL; offer, which adds the message of a job that is about to be made, unless its project has its share of the lane's ready
-- list (then null; as ready_room, but for the backlog); and open_lanes: the lanes of an executor kind (null: all) by band that have a message or a backlog. To be called after
-- lanes are made.
create function cogo.create_dispatch()
returns void
language plpgsql
set search_path = ''
as $$
declare
  push  text;
  pop   text;
  gone  text;
  low   text;
  open  text;
  turn  text;
  offer text;
begin
  select string_agg(format('when %L then return query select * from cogo.push_%s(ids);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then return cogo.pop_%s(qty);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then perform cogo.drop_%s(msg_ids);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then return (select s.last_value from cogo.low_%s s);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then exists (select from pgmq.q_%s q where q.msg_id >= (select s.last_value from cogo.low_%s s))',
           l.name, l.queue_name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then return (select s.last_value from cogo.turn_%s s);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format($sql$when %1$L then
      insert into pgmq.q_%2$s as q (vt, message)
      select clock_timestamp(), jsonb_build_object('j', offer.id)
       where (select count(*) from (
                select from cogo.jobs j
                 where j.lane = %1$L and j.project_id = offer.project_id and j.state = 'queued' and j.pinned_executor_id is null
                   and j.msg_id >= (select s.last_value from cogo.low_%2$s s)
                 limit offer.share) r) < offer.share
      returning q.msg_id into made;$sql$, l.name, l.queue_name), e'\n    ' order by l.name)
    into push, pop, gone, low, open, turn, offer
    from cogo.lanes l;
  execute format($sql$
    create or replace function cogo.push(lane text, ids uuid[]) returns table (job_id uuid, msg_id bigint)
    language plpgsql rows 20 set search_path = '' as $fn$ #variable_conflict use_column
    begin case lane
    %s
    end case; end $fn$ $sql$, push);
  execute format($sql$
    create or replace function cogo.offer(lane text, project_id uuid, id uuid, share int) returns bigint
    language plpgsql set search_path = '' as $fn$
    declare made bigint;
    begin case lane
    %s
    end case; return made; end $fn$ $sql$, offer);
  revoke all on function cogo.offer(text, uuid, uuid, int) from public, anon, authenticated, service_role;
  execute format($sql$
    create or replace function cogo.pop(lane text, qty int) returns uuid[]
    language plpgsql set search_path = '' as $fn$ begin case lane
    %s
    end case; end $fn$ $sql$, pop);
  execute format($sql$
    create or replace function cogo.drop_messages(lane text, msg_ids bigint[]) returns void
    language plpgsql set search_path = '' as $fn$ begin case lane
    %s
    end case; end $fn$ $sql$, gone);
  execute format($sql$
    create or replace function cogo.low(lane text) returns bigint
    language plpgsql set search_path = '' as $fn$ begin case lane
    %s
    end case; end $fn$ $sql$, low);
  execute format($sql$
    create or replace function cogo.turn(lane text) returns bigint
    language plpgsql set search_path = '' as $fn$ begin case lane
    %s
    end case; end $fn$ $sql$, turn);
  execute format($sql$
    create or replace function cogo.open_lanes(executor text) returns table (name text, backlog boolean, ready boolean)
    language plpgsql set search_path = '' as $fn$ #variable_conflict use_column
    begin return query select o.name, o.backlog, o.ready from (
    select l.name, l.backlog, l.band, case l.name
    %s
    end as ready from cogo.lanes l where open_lanes.executor is null or l.executor = open_lanes.executor) o
    where o.ready or o.backlog order by o.band, o.name; end $fn$ $sql$, open);
end
$$;
