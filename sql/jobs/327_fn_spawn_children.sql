-- cogo.spawn_children: makes the children and events held items of finish or release carry, in the same transaction. children: items of
-- enqueue, which get the job as parent, unless it was cancelled meanwhile; events: [{kind, data}], recorded on the job as job.<kind>.
-- Errors: as enqueue's items; CG000 malformed.
create function cogo.spawn_children(items cogo.fenced_item[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  item record;
  plan cogo.planned_job[];
begin
  for item in
    select i.job_id, i.body, i.cancel_requested, j.project_id, j.trace_id, j.created_by, j.batch_id
      from unnest(items) i join cogo.jobs j on j.id = i.job_id
     where i.held and (i.body ? 'children' or i.body ? 'events')
     order by i.job_id
  loop
    if jsonb_typeof(item.body -> 'children') = 'array' and not item.cancel_requested then
      plan := cogo.plan_jobs(item.project_id, coalesce((
        select jsonb_agg(jsonb_build_object('trace_id', item.trace_id) || c.value || jsonb_build_object('parent_id', item.job_id) order by c.ordinality)
          from jsonb_array_elements(item.body -> 'children') with ordinality c where jsonb_typeof(c.value) = 'object'), '[]'));
      if exists (select from unnest(plan) p where p.key is not null) then
        plan := cogo.claim_job_keys(item.project_id, plan);
      end if;
      perform cogo.check_quota(item.project_id, cardinality(plan));
      plan := cogo.apply_rates(item.project_id, plan);
      perform cogo.make_jobs(item.project_id, plan, item.created_by, item.batch_id);
    end if;
    if jsonb_typeof(item.body -> 'events') = 'array' then
      if exists (select from jsonb_array_elements(item.body -> 'events') e where coalesce(e ->> 'kind', '') !~ '^[a-z_]{1,40}$') then
        perform cogo.fail('CG000', 'events must be [{kind, data}], kind of lower-case letters and _', jsonb_build_object('field', 'events'));
      end if;
      insert into cogo.job_events (job_id, project_id, kind, data, trace_id)
      select item.job_id, item.project_id, 'job.' || (e.value ->> 'kind'), coalesce(e.value -> 'data', '{}'), item.trace_id
        from jsonb_array_elements(item.body -> 'events') with ordinality e order by e.ordinality limit 100;
    end if;
  end loop;
end
$$;
