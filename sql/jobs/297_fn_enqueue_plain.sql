-- cogo.enqueue_plain: enqueue for several plain jobs of one lane: of any types, each with payload, priority, max_attempts, executor, key
-- and trace_id, and nothing that makes it wait. Reads the items once and writes everything in one statement, where the long way goes
-- over its plan six times. Returns enqueue's answer, or null where there is more to it (several lanes, a rate, a key that is taken or
-- said twice, anything that may be wrong): then nothing was changed, and the long way does it or says why it can't be. Both ways make
-- the same rows. The caller has checked who asks, and locked the project against being deleted.
create function cogo.enqueue_plain(project_id uuid, jobs jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  asked    record;
  kinds    text[] := '{}';
  attempts int[] := '{}';
  kind     text;
  rule     record;
  worker   text;
  route    text;
  moment   timestamptz := clock_timestamp();
  id_prefix bigint := ((extract(epoch from moment) * 1000)::bigint << 16) | 28672;
  made_by  text := cogo.principal();
  ready    uuid[] := '{}';
  messages bigint[] := '{}';
  room     int;
  answer   jsonb;
  traced   uuid[];
begin
  if jsonb_typeof(jobs) is distinct from 'array' or jsonb_array_length(jobs) not between 1 and 1000
     or exists (select from cogo.job_rates r where r.project_id = enqueue_plain.project_id) then
    return null;
  end if;
  select count(*)::int as jobs, array_agg(distinct i ->> 'type') as types,
         array_agg(distinct coalesce(i ->> 'priority', '1')) as bands, array_agg(distinct i ->> 'executor') as executors,
         bool_and(jsonb_typeof(i) = 'object' and i - array['type', 'payload', 'priority', 'max_attempts', 'executor', 'key', 'trace_id'] = '{}'
           and jsonb_typeof(i -> 'type') = 'string'
           and coalesce(jsonb_typeof(i -> 'payload') = 'object' and pg_column_size(i -> 'payload') <= 21845, not i ? 'payload')
           and coalesce(length(i ->> 'key') between 1 and 255, true)
           and coalesce(i ->> 'max_attempts' ~ '^([1-9]|[1-4][0-9]|50)$', true)) as plain
    into asked
    from jsonb_array_elements(jobs) i;
  if not asked.plain or cardinality(asked.bands) > 1 or cardinality(asked.executors) > 1 or asked.bands[1] not in ('0', '1', '2') then
    return null;
  end if;
  foreach kind in array asked.types loop
    select x.executor, x.max_attempts, x.run_s, x.steps into rule
      from cogo.job_types x
     where x.pattern = kind or (x.pattern like '%.*' and starts_with(kind, left(x.pattern, -1)))
     order by length(x.pattern) desc limit 1;
    rule.executor := coalesce(asked.executors[1], rule.executor);
    if not found or rule.executor <> worker or rule.executor = 'cogo-plan' and rule.run_s > 90 and not rule.steps then
      return null;
    end if;
    worker := rule.executor;
    kinds := kinds || kind;
    attempts := attempts || rule.max_attempts;
  end loop;
  route := worker || '/default/' || asked.bands[1];
  if not exists (select from cogo.lanes l where l.name = route) then
    return null;
  end if;

  begin
    perform cogo.check_quota(enqueue_plain.project_id, asked.jobs);
    -- ready right away: as many as the project's share of the lane has room for; the rest waits for its turn
    room := cogo.take_room(enqueue_plain.project_id, route, asked.jobs);
    if room > 0 then
      ready := array(select cogo.new_job_id(moment, n) from generate_series(1, least(room, asked.jobs)) n);
      messages := array(select p.msg_id from cogo.push(route, ready) p order by p.msg_id);
    end if;
    with item as materialized (
      select i.ordinality as nth, i.value ->> 'type' as type, coalesce(i.value -> 'payload', '{}') as payload, i.value ->> 'key' as key,
             -- as cogo.new_job_id, spelled out: a function that pins its search path costs more than all the rest of an item
             coalesce(ready[i.ordinality], encode(int8send(id_prefix | i.ordinality) || substring(uuid_send(gen_random_uuid()) from 9), 'hex')::uuid) as id,
             messages[i.ordinality] as message, (i.value ->> 'max_attempts')::int as max_attempts, i.value ->> 'trace_id' as trace_id,
             -- the text that plan_jobs hashes, without making the object it is the text of
             case when i.value ? 'key' then sha256(convert_to('{"type": ' || (i.value -> 'type')::text
               || ', "payload": ' || coalesce((i.value -> 'payload')::text, '{}')
               || coalesce(', "executor": ' || (i.value -> 'executor')::text, '')
               || ', "priority": ' || coalesce((i.value -> 'priority')::text, '1')
               || coalesce(', "max_attempts": ' || (i.value -> 'max_attempts')::text, '') || '}', 'UTF8')) end as hash
        from jsonb_array_elements(jobs) with ordinality i
    ),
    -- in order of the keys, so that two calls with the same keys take turns instead of deadlocking
    keyed as (
      insert into cogo.job_keys (project_id, key, job_id, request_hash, expires_at)
      select enqueue_plain.project_id, i.key, i.id, i.hash, moment + interval '7 days' from item i where i.key is not null order by i.key
    ),
    made as (
      insert into cogo.jobs (id, project_id, type, lane, band, state, blocked_on, quiet, run_at, msg_id, queued_at, max_attempts, trace_id, created_by)
      select i.id, enqueue_plain.project_id, i.type, route, asked.bands[1]::smallint,
             case when i.message is null then 'blocked' else 'queued' end, case when i.message is null then 'turn' end, asked.jobs > 25, moment,
             i.message, case when i.message is not null then moment end, coalesce(i.max_attempts, attempts[array_position(kinds, i.type)]),
             i.trace_id, made_by
        from item i
    ),
    stored as (
      insert into cogo.job_payloads (job_id, project_id, input)
      select i.id, enqueue_plain.project_id, i.payload from item i
    )
    select jsonb_agg(jsonb_build_object('job_id', i.id, 'state', case when i.message is null then 'blocked' else 'queued' end, 'duplicate', false)),
           array_agg(i.id) filter (where i.trace_id is not null)
      into answer, traced
      from item i;
  exception when unique_violation then
    -- a key is taken, maybe only just now, or said twice
    return null;
  end;
  if room < asked.jobs then
    perform cogo.mark_backlog(array[route]);
  end if;
  if traced is not null then
    perform cogo.tell(traced, 'job.enqueued', '{}');
  end if;
  perform cogo.ring(enqueue_plain.project_id, route, null, asked.jobs);
  return answer;
end
$$;
