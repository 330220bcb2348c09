-- cogo_api.finish: records results; returns [{job_id, verdict, state}] by job id.
-- results: [{job_id, token, result}]. ok: the job succeeded. cancelled: somebody had asked for that; the result is kept all the same.
-- lost: the token is stale and nothing was changed. Writes of the same transaction stand or fall with the verdict.
-- Errors: CG001/CG002/CG000 as fenced.
create function cogo_api.finish(results jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  item   record;
  answer jsonb := '[]';
  ended  uuid[] := '{}';
begin
  for item in select * from cogo.fenced(results) loop
    if not item.held then
      answer := answer || cogo.verdict(item.job_id, 'lost');
      continue;
    end if;
    update cogo.job_payloads p set result = item.body -> 'result' where p.job_id = item.job_id;
    if item.cancel_requested then
      perform cogo.settle_cancelled(item.job_id);
      perform cogo.end_attempt(item.job_id, item.token, 'cancelled');
    else
      update cogo.jobs j
         set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null
       where j.id = item.job_id;
      perform cogo.end_attempt(item.job_id, item.token, 'succeeded');
      insert into cogo.job_events (job_id, project_id, kind, data)
      select j.id, j.project_id, 'job.done', jsonb_build_object('state', 'succeeded', 'attempt', j.attempt)
        from cogo.jobs j where j.id = item.job_id;
    end if;
    ended := ended || item.job_id;
    answer := answer || cogo.verdict(item.job_id, case when item.cancel_requested then 'cancelled' else 'ok' end);
  end loop;
  perform cogo.free_slots(ended);
  return answer;
end
$$;
revoke all on function cogo_api.finish(jsonb) from public;
grant execute on function cogo_api.finish(jsonb) to anon, authenticated, service_role;
