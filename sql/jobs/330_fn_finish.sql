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
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  who       record := cogo.reporting_scope();
  ids       uuid[];
  tokens    bigint[];
  bodies    jsonb[];
  plain     uuid[];
  items     cogo.fenced_item[];
  special   boolean;
  awaiting  uuid[] := '{}';
  cancelled uuid[] := '{}';
  ended     uuid[];
begin
  if jsonb_typeof(results) = 'array' and jsonb_array_length(results) = 1
     and (cogo.finish_one(results, who.every, who.project_id) or cogo.finish_keyed(results, who.every, who.project_id)) then
    return jsonb_build_array(jsonb_build_object('job_id', lower(results -> 0 ->> 'job_id'), 'verdict', 'ok', 'state', 'succeeded'));
  end if;
  select r.ids, r.tokens, r.bodies into ids, tokens, bodies from cogo.read_items(results) r;
  if ids is null then
    return '[]';
  end if;
  if not exists (select from unnest(bodies) b where b ?| array['children', 'events', 'await']) then
    plain := cogo.finish_plain(ids, tokens, bodies, who.every, who.project_id);
    if cardinality(plain) = cardinality(ids) then
      -- spelled out: an object of each costs three times as much
      return (select '[' || string_agg('{"job_id": "' || i.id || '", "verdict": "ok", "state": "succeeded"}', ',') || ']' from unnest(ids) i(id))::jsonb;
    elsif plain is not null then
      -- an id said twice, or one that was lost or cancelled between the look and the update
      results := (select jsonb_agg(b.body) from unnest(ids, bodies) as b(id, body) where not (b.id = any (plain)));
    end if;
  end if;
  plain := coalesce(plain, '{}');
  perform cogo.lock_children(results);
  items := cogo.fenced(coalesce(results, '[]'));
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
    returning j.id
  )
  select array_agg(d.id) into ended from done d;
  perform cogo.tell(ended, 'job.done', '{"state":"succeeded"}');

  select array_agg(i.job_id) into ended
    from unnest(items) i where i.held and (i.keyed or i.parented) and not (i.job_id = any (awaiting));
  if ended is not null then
    perform cogo.jobs_over(ended, ended);
  end if;
  return coalesce((
    select jsonb_agg(x.verdict order by x.job_id)
      from (select i.job_id, jsonb_build_object('job_id', i.job_id,
                   'verdict', case when not i.held then 'lost' when i.cancel_requested then 'cancelled' else 'ok' end,
                   'state', case when not i.held then null when i.cancel_requested then 'cancelled'
                                 when i.job_id = any (awaiting) then (select j.state from cogo.jobs j where j.id = i.job_id)
                                 else 'succeeded' end) as verdict
              from unnest(items) i
            union all
            select p.id, jsonb_build_object('job_id', p.id, 'verdict', 'ok', 'state', 'succeeded') from unnest(plain) p(id)) x), '[]');
end
$$;
revoke all on function cogo_api.finish(jsonb) from public;
grant execute on function cogo_api.finish(jsonb) to anon, authenticated, service_role;
