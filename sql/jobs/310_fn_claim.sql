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
<<<<<<< HEAD
  if pg_current_xact_id_if_assigned() is null then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  if coalesce(qty, 0) not between 1 and 1000 then
    perform cogo.fail('CG004', 'qty must be 1 to 1000', jsonb_build_object('field', 'qty'));
  end if;
  if coalesce(lease_s, 0) not between 5 and 3600 then
    perform cogo.fail('CG004', 'lease_s must be 5 to 3600', jsonb_build_object('field', 'lease_s'));
  end if;
  scope := cogo.executor_scope(claim.executor_id, claim.epoch, false);
  if not scope.current then
    perform cogo.fail('CG025', 'a newer process runs as this executor', jsonb_build_object('epoch', claim.epoch), 'Stop this one');
  elsif scope.draining then
    perform cogo.fail('CG025', 'this executor is draining', null, 'Register it again to take jobs');
  end if;
  if include_types is not null then
    exact := array(select t from unnest(include_types) t where t not like '%.*');
    prefixes := array(select replace(left(t, -1), '_', '\_') || '%' from unnest(include_types) t where t like '%.*');
  end if;

  chosen := array(
    select j.id from cogo.jobs j
     where j.pinned_executor_id = claim.executor_id and j.state = 'queued'
       and (scope.project_id is null or j.project_id = scope.project_id)
       and (include_types is null or j.type = any (exact) or j.type like any (prefixes))
     order by j.band, j.queued_at
     limit qty
       for update skip locked);

  for lane in
    select l.name, l.backlog from cogo.lanes l where scope.kind is null or l.executor = scope.kind order by l.band, l.name
  loop
    exit when cardinality(chosen) >= qty;
    if scope.project_id is null and include_types is null then
      chosen := chosen || cogo.pop(lane.name, qty - cardinality(chosen));
    else
      chosen := chosen || cogo.pick_jobs(lane.name, scope.project_id, include_types is null, exact, prefixes, qty - cardinality(chosen));
    end if;
    -- the short way knows a project's first type only; now and then the long one gives the others their turn
    if lane.backlog and qty = 1 and include_types is null and cardinality(chosen) = 0 and random() < 0.9 then
      chosen := cogo.take_turn(lane.name, scope.project_id);
    elsif lane.backlog and cardinality(chosen) < qty then
      chosen := chosen
        || cogo.take_turns(lane.name, scope.project_id, include_types is null, exact, prefixes, qty - cardinality(chosen));
    end if;
  end loop;
  if cardinality(chosen) = 0 then
    return '[]';
  end if;
  return cogo.lease_jobs(chosen, claim.executor_id, lease_s);
=======
  return cogo.take(claim.executor_id, claim.qty, claim.lease_s, claim.include_types, claim.epoch)::jsonb;
>>>>>>> main
end
$$;
revoke all on function cogo_api.claim(text, int, int, text[], int) from public;
grant execute on function cogo_api.claim(text, int, int, text[], int) to anon, authenticated, service_role;
