-- cogo_api.batch_status: {batch_id, name, jobs, states:{state: n}, done, created_at} of a batch; done when every job is over. Needs viewer
-- in its project. Error: CG003.
create function cogo_api.batch_status(batch_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  batch  cogo.job_batches;
  states jsonb;
begin
  select b.* into batch from cogo.job_batches b where b.id = batch_status.batch_id;
  if not found or cogo.role_in(batch.project_id) is null then
    perform cogo.fail('CG003', 'no such batch', jsonb_build_object('batch_id', batch_status.batch_id));
  end if;
  perform cogo.require_role(batch.project_id, 'viewer');
  select coalesce(jsonb_object_agg(s.state, s.n), '{}') into states
    from (select x.state, count(*) as n
            from (select j.state from cogo.jobs j where j.batch_id = batch.id
                  union all
                  select h.state from cogo.jobs_history h where h.batch_id = batch.id) x
           group by x.state) s;
  return jsonb_build_object('batch_id', batch.id, 'project_id', batch.project_id, 'name', batch.name, 'jobs', batch.jobs, 'states', states,
    'done', not states ?| array['scheduled', 'blocked', 'queued', 'running'], 'created_at', batch.created_at);
end
$$;
revoke all on function cogo_api.batch_status(uuid) from public;
grant execute on function cogo_api.batch_status(uuid) to anon, authenticated, service_role;
