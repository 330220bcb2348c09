-- cogo_api.release: hands leases back without a result (drain, wall limit, a voluntary yield); costs no attempt of max_attempts.
-- releases: [{job_id, token, checkpoint?}]; returns [{job_id, verdict, state}] by job id. The job is queued again at once and its
-- next claim gets the checkpoint. Errors: CG001/CG002/CG000 as fenced.
create function cogo_api.release(releases jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  item   record;
  answer jsonb := '[]';
  again  uuid[] := '{}';
  ended  uuid[] := '{}';
begin
  for item in select * from cogo.fenced(releases) loop
    if not item.held then
      answer := answer || cogo.verdict(item.job_id, 'lost');
      continue;
    end if;
    if item.cancel_requested then
      perform cogo.settle_cancelled(item.job_id);
      perform cogo.end_attempt(item.job_id, item.token, 'cancelled');
      ended := ended || item.job_id;
      answer := answer || cogo.verdict(item.job_id, 'cancelled');
      continue;
    end if;
    update cogo.jobs j set releases = j.releases + 1 where j.id = item.job_id;
    update cogo.job_payloads p set checkpoint = item.body -> 'checkpoint'
     where p.job_id = item.job_id and jsonb_typeof(item.body -> 'checkpoint') <> 'null';
    perform cogo.end_attempt(item.job_id, item.token, 'released');
    insert into cogo.job_events (job_id, project_id, kind, data)
    select j.id, j.project_id, 'job.released', jsonb_build_object('attempt', j.attempt) from cogo.jobs j where j.id = item.job_id;
    again := again || item.job_id;
    answer := answer || jsonb_build_array(jsonb_build_object('job_id', item.job_id, 'verdict', 'ok', 'state', 'queued'));
  end loop;
  -- a released job keeps its slot: it is runnable now
  perform cogo.push_jobs(again);
  perform cogo.free_slots(ended);
  return answer;
end
$$;
revoke all on function cogo_api.release(jsonb) from public;
grant execute on function cogo_api.release(jsonb) to anon, authenticated, service_role;
