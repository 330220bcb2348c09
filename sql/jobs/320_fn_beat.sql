-- cogo_api.beat: keeps leases alive, all of an executor's in one call; returns [{job_id, verdict}].
--   ok      the lease runs lease_s from now
--   cancel  the same, and somebody wants the job cancelled: stop it, then finish or fail it
--   lost    the token is not the job's any more, or the epoch is over: stop at once, nothing of this attempt counts
-- beats: [{job_id, token, progress?, log?, steps?}]; an empty list is presence only. progress replaces the last one; at most two a
-- second become events. log: text or a list of lines, up to 16,384 characters a beat are kept. steps: [{name, output}] done since the
-- last beat, which a later attempt finds in its claim.
-- running: how many jobs it is at work on, where the call is about all of them: its presence.
-- Errors: CG001/CG002/CG004 as executor_scope; CG000 malformed.
create function cogo_api.beat(executor_id text, beats jsonb, epoch int default null, running int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  scope  record;
  held   cogo.fenced_item[] := '{}';
  moment timestamptz;
begin
  scope := cogo.executor_scope(beat.executor_id, beat.epoch, coalesce(beats, '[]') = '[]');
  if scope.current and beat.running is not null then
    update cogo.executors e set running = least(greatest(beat.running, 0), 100000)
     where e.id in (select x.id from cogo.executors x
                     where x.id = beat.executor_id and x.running <> least(greatest(beat.running, 0), 100000) for update skip locked);
  end if;
  if coalesce(beats, '[]') <> '[]' then
    held := cogo.fenced(beats);
  end if;
  moment := clock_timestamp();
  if not scope.current then
    return (select coalesce(jsonb_agg(jsonb_build_object('job_id', f.job_id, 'verdict', 'lost')), '[]') from unnest(held) f);
  end if;
  update cogo.jobs j
     set lease_until = moment + make_interval(secs => j.lease_s)
    from unnest(held) f
   where j.id = f.job_id and f.held;
  perform cogo.store_steps(held);

  if exists (select from unnest(held) f where f.body ? 'progress') then
    with said as (
      select f.job_id, j.project_id, f.body -> 'progress' as progress
        from unnest(held) f join cogo.jobs j on j.id = f.job_id
       where f.held and jsonb_typeof(f.body -> 'progress') <> 'null'
    ),
    due as (
      select s.job_id, s.progress, p.project_id from said s join cogo.job_payloads p on p.project_id = s.project_id and p.job_id = s.job_id
       where p.progress_at is null or p.progress_at <= moment - interval '500 milliseconds'
    ),
    kept as (
      update cogo.job_payloads p
         set progress = s.progress,
             progress_at = case when exists (select from due d where d.job_id = s.job_id) then moment else p.progress_at end
        from said s where p.project_id = s.project_id and p.job_id = s.job_id
    )
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id)
    select d.job_id, d.project_id, 'job.progress', jsonb_build_object('progress', d.progress), j.trace_id
      from due d join cogo.jobs j on j.id = d.job_id order by d.job_id;
  end if;

  if exists (select from unnest(held) f where f.body ? 'log') then
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id)
    select f.job_id, j.project_id, 'job.log', jsonb_build_object('log', left(case jsonb_typeof(f.body -> 'log')
             when 'array' then (select string_agg(line, e'\n' order by n)
                                  from jsonb_array_elements_text(f.body -> 'log') with ordinality l(line, n))
             else f.body ->> 'log' end, 16384)), j.trace_id
      from unnest(held) f
      join cogo.jobs j on j.id = f.job_id
     where f.held and jsonb_typeof(f.body -> 'log') in ('string', 'array')
     order by f.job_id;
  end if;

  return coalesce((
    select jsonb_agg(jsonb_build_object('job_id', f.job_id,
             'verdict', case when not f.held then 'lost' when f.cancel_requested then 'cancel' else 'ok' end) order by f.job_id)
      from unnest(held) f), '[]');
end
$$;
revoke all on function cogo_api.beat(text, jsonb, int, int) from public;
grant execute on function cogo_api.beat(text, jsonb, int, int) to anon, authenticated, service_role;
