-- cogo_api.release: hands leases back without a result (drain, wall limit, a voluntary yield); costs no attempt of max_attempts.
-- releases: [{job_id, token, checkpoint?, steps?, children?, await?}]; returns [{job_id, verdict, state}] by job id. The job is queued
-- again at once and its next claim gets the checkpoint; with await it is blocked until its children are over.
-- Errors: CG001/CG002/CG000 as fenced.
create function cogo_api.release(releases jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  items     cogo.fenced_item[];
  item      record;
  again     uuid[] := '{}';
  cancelled uuid[] := '{}';
begin
  perform cogo.lock_children(releases);
  items := cogo.fenced(releases);
  perform cogo.store_steps(items);
  perform cogo.spawn_children(items);
  for item in select i.* from unnest(items) i where i.held order by i.job_id loop
    if item.cancel_requested then
      cancelled := cancelled || item.job_id;
    elsif item.body -> 'await' = 'true' then
      perform cogo.await_children(item.job_id, item.body -> 'checkpoint');
    else
      again := again || item.job_id;
    end if;
  end loop;
  perform cogo.close_attempts(cancelled, 'cancelled');
  perform cogo.settle_cancelled(cancelled);
  perform cogo.close_attempts(again, 'released');
  update cogo.job_payloads p set checkpoint = i.body -> 'checkpoint'
    from unnest(items) i join cogo.jobs j on j.id = i.job_id
   where p.project_id = j.project_id and p.job_id = j.id and i.job_id = any (again) and jsonb_typeof(i.body -> 'checkpoint') <> 'null';
  update cogo.jobs j set releases = j.releases + 1 where j.id = any (again);
  perform cogo.tell(again, 'job.released', '{}');
  -- a released job keeps its slot: it is runnable now
  perform cogo.push_jobs(again);
  perform cogo.jobs_over(cancelled, cancelled);
  return cogo.verdicts(items);
end
$$;
revoke all on function cogo_api.release(jsonb) from public;
grant execute on function cogo_api.release(jsonb) to anon, authenticated, service_role;
