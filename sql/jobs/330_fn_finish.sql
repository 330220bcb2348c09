-- cogo_api.finish: records results; returns [{job_id, verdict, state}] by job id.
-- results: [{job_id, token, result, children?, events?, await?, checkpoint?}]. ok: the job succeeded. cancelled: somebody had asked for
-- that; the result is kept all the same. lost: the token is stale and nothing was changed.
-- children: jobs (as in enqueue) made in the same transaction, with this one as parent. await: the job is not over: it is blocked
-- until its children are, then claimed again with their results (state blocked, verdict ok); its checkpoint is kept.
-- Writes of the same transaction stand or fall with the verdict.
-- Errors: CG001/CG002/CG000 as fenced; as spawn_children.
create function cogo_api.finish(results jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  items     cogo.fenced_item[];
  special   boolean;
  awaiting  uuid[] := '{}';
  cancelled uuid[] := '{}';
  ended     uuid[];
begin
  perform cogo.lock_children(results);
  items := cogo.fenced(results);
  select coalesce(bool_or(i.body ?| array['children', 'events', 'await']), false),
         coalesce(array_agg(i.job_id) filter (where i.cancel_requested), '{}'),
         coalesce(array_agg(i.job_id) filter (where not i.cancel_requested and i.body -> 'await' = 'true'), '{}')
    into special, cancelled, awaiting
    from unnest(items) i where i.held;
  if special then
    perform cogo.spawn_children(items);
  end if;
  if cardinality(cancelled) > 0 then
    perform cogo.close_attempts(cancelled, 'cancelled');
    perform cogo.settle_cancelled(cancelled);
    update cogo.jobs j set result = i.body -> 'result' from unnest(items) i where j.id = i.job_id and i.job_id = any (cancelled);
  end if;
  for i in 1..cardinality(awaiting) loop
    perform cogo.await_children(awaiting[i], (select x.body -> 'checkpoint' from unnest(items) x where x.job_id = awaiting[i]));
  end loop;

  with done as (
    update cogo.jobs j
       set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null,
           result = i.body -> 'result'
      from unnest(items) i
     where j.id = i.job_id and i.held and not i.cancel_requested and not (i.job_id = any (awaiting))
    returning j.id, j.project_id, j.attempt, j.trace_id, j.quiet
  )
  insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
  select d.id, d.project_id, 'job.done', jsonb_build_object('state', 'succeeded', 'attempt', d.attempt), d.trace_id, d.quiet from done d;

  -- most jobs have neither a key nor a parent
  select array_agg(i.job_id) into ended
    from unnest(items) i where i.held and (i.keyed or i.parented) and not (i.job_id = any (awaiting));
  if ended is not null then
    perform cogo.jobs_over(ended, ended);
  end if;
  return coalesce((
    select jsonb_agg(jsonb_build_object('job_id', i.job_id,
             'verdict', case when not i.held then 'lost' when i.cancel_requested then 'cancelled' else 'ok' end,
             'state', case when not i.held then null when i.cancel_requested then 'cancelled'
                           when i.job_id = any (awaiting) then (select j.state from cogo.jobs j where j.id = i.job_id)
                           else 'succeeded' end) order by i.job_id)
      from unnest(items) i), '[]');
end
$$;
revoke all on function cogo_api.finish(jsonb) from public;
grant execute on function cogo_api.finish(jsonb) to anon, authenticated, service_role;
