-- cogo.enqueue_one: enqueue for a single plain job: of any type, with payload, priority, max_attempts, executor, key and trace_id, and
-- nothing that makes it wait. Returns enqueue's answer, or null where there is more to it (a rate, a key that is taken, anything that
-- may be wrong): then nothing was changed, and the long way does it or says why it can't be. Both ways make the same rows.
create function cogo.enqueue_one(project_id uuid, item jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  who     record := cogo.identity();
  kind    text := item ->> 'type';
  payload jsonb := coalesce(nullif(item -> 'payload', 'null'), '{}');
  name    text := item ->> 'key';
  trace   text := item ->> 'trace_id';
  level   int := 1;
  home    record;
  made_by text;
  message bigint;
  moment  timestamptz := clock_timestamp();
  made    uuid := encode(int8send(((extract(epoch from moment) * 1000)::bigint << 16) | 28673)
                    || substring(uuid_send(gen_random_uuid()) from 9), 'hex')::uuid;
begin
  if jsonb_typeof(item) <> 'object' or item - array['type', 'payload', 'priority', 'max_attempts', 'executor', 'key', 'trace_id'] <> '{}'
     or jsonb_typeof(payload) <> 'object' or pg_column_size(payload) > 21845 or length(name) not between 1 and 255 then
    return null;
  end if;
  if item ? 'priority' or item ? 'max_attempts' then
    if coalesce(item ->> 'priority', '1') !~ '^[012]$' or coalesce(item ->> 'max_attempts', '1') !~ '^([1-9]|[1-4][0-9]|50)$' then
      return null;
    end if;
    level := coalesce(item ->> 'priority', '1');
  end if;
  case who.kind
    when 'service' then made_by := 'service';
    when 'token' then made_by := case who.project_id when enqueue_one.project_id then 'token:' || who.token_id end;
    when 'user' then
      select 'user:' || m.user_id into made_by from cogo.project_members m
       where m.project_id = enqueue_one.project_id and m.user_id = who.user_id and m.role in ('editor', 'admin', 'owner');
    else null;
  end case;
  if made_by is null then
    return null;
  end if;

  -- the project is locked against being deleted; a type or a lane that is not known finds nothing
  select x.*, l.name as lane, l.backlog, q.queue_limit - q.counted as room, q.ready_share into home
    from cogo.projects p
    join cogo.job_quotas q on q.project_id = p.id
   cross join lateral (
     select t.executor, t.max_attempts, t.run_s, t.steps
       from cogo.job_types t
      where t.pattern = kind or (t.pattern like '%.*' and starts_with(kind, left(t.pattern, -1)))
      order by length(t.pattern) desc limit 1) x
    join cogo.lanes l on l.name = coalesce(item ->> 'executor', x.executor) || '/default/' || level
   where p.id = enqueue_one.project_id
     and not exists (select from cogo.job_rates r where r.project_id = p.id)
     for key share of p;
  if not found or home.lane like 'cogo-plan/%' and home.run_s > 90 and not home.steps then
    return null;
  end if;
  if name is not null then
    insert into cogo.job_keys (project_id, key, job_id, request_hash, expires_at)
    -- the hash is that of plan_jobs
    values (enqueue_one.project_id, name, made,
      sha256(convert_to(('{"payload": {}, "priority": 1}' || item - array['key', 'trace_id'])::text, 'UTF8')), moment + interval '7 days')
    on conflict do nothing;
    if not found then
      return null;
    end if;
  end if;
  -- as cogo.check_quota
  if random() * home.room < 10 then
    perform cogo.count_waiting(enqueue_one.project_id, 1);
  end if;

  if not (home.backlog and cogo.has_backlog(home.lane, enqueue_one.project_id)) then
    message := cogo.offer(home.lane, enqueue_one.project_id, made, home.ready_share);
  end if;
  with job as (
    insert into cogo.jobs (id, project_id, type, lane, band, state, blocked_on, run_at, msg_id, queued_at, max_attempts, trace_id, created_by)
    values (made, enqueue_one.project_id, kind, home.lane, level, case when message is null then 'blocked' else 'queued' end,
      case when message is null then 'turn' end, moment, message, case when message is not null then moment end,
      coalesce((item ->> 'max_attempts')::int, home.max_attempts), trace, made_by)
  )
  insert into cogo.job_payloads (job_id, project_id, input) values (made, enqueue_one.project_id, payload);
  if message is null and not home.backlog then
    perform cogo.mark_backlog(array[home.lane]);
  end if;
  if trace is not null then
    perform cogo.tell(array[made], 'job.enqueued', '{}');
  end if;
  perform cogo.ring(enqueue_one.project_id, home.lane, null, 1);
  return jsonb_build_array(jsonb_build_object('job_id', made, 'state', case when message is null then 'blocked' else 'queued' end,
    'duplicate', false));
end
$$;
