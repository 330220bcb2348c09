-- cogo_api.claim: leases up to qty ready jobs to an executor; returns [{job_id, token, attempt, type, payload, checkpoint, project_id,
-- trace_id, lease_s, cancel_requested}]. token (a string: it is a bigint) goes with every later call for the attempt.
--
-- Jobs pinned to the executor first, then its lanes by band, each roughly first in, first out. A worker token gets jobs of its
-- project only. include_types: exact types or prefixes ending in '.*'.
-- The lease ends lease_s after the last beat, by the database's clock: count it on a monotonic clock and stop at 80 %.
-- An empty answer is normal; nothing ever waits for a lock here.
-- Errors: CG001/CG002/CG004 as executor_scope; CG004 qty not 1 to 100, lease_s not 5 to 3600; CG025 the executor is draining.
create function cogo_api.claim(executor_id text, qty int default 1, lease_s int default 30, include_types text[] default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  scope    record := cogo.executor_scope(claim.executor_id);
  chosen   uuid[];
  more     uuid[];
  lane     cogo.lanes;
  exact    text[] := array(select t from unnest(include_types) t where t not like '%.*');
  prefixes text[] := array(select left(t, -1) || '%' from unnest(include_types) t where t like '%.*');
begin
  if coalesce(qty, 0) not between 1 and 100 then
    perform cogo.fail('CG004', 'qty must be 1 to 100', jsonb_build_object('field', 'qty'));
  end if;
  if coalesce(lease_s, 0) not between 5 and 3600 then
    perform cogo.fail('CG004', 'lease_s must be 5 to 3600', jsonb_build_object('field', 'lease_s'));
  end if;
  if exists (select from cogo.executors e where e.id = claim.executor_id and e.draining) then
    perform cogo.fail('CG025', 'this executor is draining', null, 'Register it again to take jobs');
  end if;
  perform cogo.touch_executor(claim.executor_id);

  chosen := array(
    select j.id from cogo.jobs j
     where j.pinned_executor_id = claim.executor_id and j.state = 'queued'
       and (scope.project_id is null or j.project_id = scope.project_id)
       and (include_types is null or j.type = any (exact) or j.type like any (prefixes))
     order by j.band, j.queued_at
     limit qty
       for update skip locked);

  for lane in
    select l.* from cogo.lanes l where scope.kind is null or l.executor = scope.kind order by l.band, l.name
  loop
    exit when cardinality(chosen) >= qty;
    if scope.project_id is null and include_types is null then
      execute format('select cogo.pop_%s($1, $2)', lane.queue_name)
        into more using qty - cardinality(chosen), lane.low_msg_id;
    else
      more := cogo.pick_jobs(lane.name, lane.queue_name, scope.project_id, include_types is null, exact, prefixes, qty - cardinality(chosen));
    end if;
    chosen := chosen || more;
  end loop;
  if cardinality(chosen) = 0 then
    return '[]';
  end if;
  return cogo.lease_jobs(chosen, claim.executor_id, lease_s);
end
$$;
revoke all on function cogo_api.claim(text, int, int, text[]) from public;
grant execute on function cogo_api.claim(text, int, int, text[]) to anon, authenticated, service_role;
