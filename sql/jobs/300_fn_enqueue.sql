-- cogo_api.enqueue: makes jobs in one transaction with whatever else the caller does; returns [{job_id, state, duplicate, batch_id?}]
-- in order.
--
-- jobs: [{type, payload?, priority?, delay_s?, key?, max_attempts?, executor?, pin?, concurrency_key?, rate_key?, parent_id?,
-- trace_id?}], up to 1,000. priority is the band: 0 first, 1 default, 2 last. executor overrides the lane rule of the type. pin: only
-- this executor takes it. concurrency_key: as many jobs of the key at a time as its slots (1 unless set_job_limit). rate_key: the rate
-- to keep to, the type's unless said. parent_id links to a job of the same project, which may await it.
-- key: the first job made with it is returned again (duplicate = true) for 7 days, also when that job's row is gone.
-- batch: {} makes a batch of these jobs, {id} adds them to one of the project, {name} names it; see batch_status.
-- More than 25 jobs in a call are quiet: their turns are recorded, but not broadcast one by one.
-- Needs editor. Errors: as require_role; CG000 not an array; CG003 unknown batch; CG004 a field out of range or an unknown type;
-- CG005 a payload over 128 KB (put it in Storage and send the path); CG023 a key used with another input; CG024 the project has as
-- many jobs waiting as it may.
create function cogo_api.enqueue(project_id uuid, jobs jsonb, batch jsonb default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  plan   cogo.planned_job[];
  group_id uuid;
  answer jsonb;
begin
  if batch is null and jsonb_typeof(jobs) = 'array' and jsonb_array_length(jobs) = 1 then
    answer := cogo.enqueue_one(enqueue.project_id, jobs -> 0);
    if answer is not null then
      return answer;
    end if;
  end if;
  perform cogo.require_role(enqueue.project_id, 'editor');
  perform from cogo.projects p where p.id = enqueue.project_id for key share;
  if batch is null then
    answer := cogo.enqueue_plain(enqueue.project_id, enqueue.jobs);
    if answer is not null then
      return answer;
    end if;
  end if;
  plan := cogo.plan_jobs(enqueue.project_id, enqueue.jobs);
  if exists (select from unnest(plan) p where p.key is not null) then
    plan := cogo.claim_job_keys(enqueue.project_id, plan);
  end if;
  perform cogo.check_quota(enqueue.project_id, cardinality(plan));
  plan := cogo.apply_rates(enqueue.project_id, plan);
  if batch is not null then
    group_id := cogo.open_batch(enqueue.project_id, batch, (select count(*)::int from unnest(plan) p where p.fresh));
  end if;
  select coalesce(jsonb_agg(case when group_id is null
             then jsonb_build_object('job_id', m.job_id, 'state', m.state, 'duplicate', not m.fresh)
             else jsonb_build_object('job_id', m.job_id, 'state', m.state, 'duplicate', not m.fresh, 'batch_id', group_id) end
           order by m.nth), '[]')
    into answer
    -- two lists of one order, laid beside each other: a join of them would be planned for ten rows
    from rows from (cogo.make_jobs(enqueue.project_id, plan, cogo.principal(), group_id), unnest(plan)) as m(
           job_id, state, nth, planned_id, fresh, type, payload, lane, band, run_at, wait, max_attempts, key, request_hash, pin,
           concurrency_key, rate_key, parent_id, trace_id, msg_id, problem);
  return answer;
end
$$;
revoke all on function cogo_api.enqueue(uuid, jsonb, jsonb) from public;
grant execute on function cogo_api.enqueue(uuid, jsonb, jsonb) to anon, authenticated, service_role;
