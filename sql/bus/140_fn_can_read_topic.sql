-- cogo.can_read_topic: whether the caller may listen on a Realtime topic. Used by the policy on realtime.messages, so it must be
-- callable by every API role; it discloses nothing but that answer.
--   trace:{trace_id}      as can_read_trace: join after the trace exists (the first frame or answer of the request has come)
--   jobs:{job_id}         readers of the job's project
--   agents:{executor_id}  members of the executor's project, and its workers
--   system:events         the server only
-- Every other topic is none of COGO's: false here leaves it to other policies.
create function cogo.can_read_topic(topic text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  family text := split_part(topic, ':', 1);
  name   text := substr(topic, length(split_part(topic, ':', 1)) + 2);
begin
  if topic is null then
    return false;
  end if;
  return coalesce(case family
    when 'trace' then cogo.can_read_trace(name)
    when 'jobs' then cogo.can_read_job(name)
    when 'agents' then cogo.can_read_executor(name)
    when 'system' then (cogo.identity()).kind = 'service'
  end, false);
exception when sqlstate 'CG001' then
  -- a revoked token reads nothing
  return false;
end
$$;
