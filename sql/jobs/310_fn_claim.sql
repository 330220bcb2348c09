-- cogo_api.claim: leases up to qty ready jobs to an executor; returns [{job_id, token, attempt, type, payload, checkpoint, project_id,
-- trace_id, lease_s, cancel_requested, steps?, children?}]. token (a string: it is a bigint) goes with every later call for the
-- attempt. steps: outputs earlier attempts stored; children: the jobs it awaited, with their results.
--
-- Jobs pinned to the executor first, then its lanes by band, each roughly first in, first out, and no project more than its share
-- while others wait. A worker token gets jobs of its project only. include_types: exact types or prefixes ending in '.*'. epoch: as
-- register_executor gave it, so that a process another one of the same id has replaced gets nothing.
-- The lease ends lease_s after the last beat, by the database's clock: count it on a monotonic clock and stop at 80 %.
-- An empty answer is normal; nothing ever waits for a lock here.
--
-- A claim alone in its transaction does not wait until its lease is on disk: after a crash of the server the job is ready again, at
-- most as if it had not been claimed, and its worker is told so by the next beat or result. Where something was written before in the
-- same transaction (turn with results), the commit waits as ever; write nothing after a claim that must not be lost.
--
-- As all calls of workers it keeps its plans, and keeps off scans of whole tables: a session that planned while cogo.jobs was almost
-- empty, and not analyzed, would walk the table in every later call. seq_page_cost says so; much more of it would have plans compiled.
-- Errors: CG001/CG002/CG004 as executor_scope; CG004 qty not 1 to 1000, lease_s not 5 to 3600; CG025 the executor is draining, or its
-- epoch is over.
create function cogo_api.claim(
  executor_id text, qty int default 1, lease_s int default 30, include_types text[] default null, epoch int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
begin
  return cogo.take(claim.executor_id, claim.qty, claim.lease_s, claim.include_types, claim.epoch)::jsonb;
end
$$;
revoke all on function cogo_api.claim(text, int, int, text[], int) from public;
grant execute on function cogo_api.claim(text, int, int, text[], int) to anon, authenticated, service_role;
