-- cogo.take: the work of claim, which see; its answer as text, so that turn puts it into its own without building it again.
create function cogo.take(executor_id text, qty int, lease_s int, include_types text[], epoch int)
returns text
language plpgsql
set search_path = ''
as $$
declare
  scope    record;
  chosen   uuid[];
  lane     record;
  exact    text[];
  prefixes text[];
begin
  -- nothing but the lease is in this transaction: see claim
  if pg_current_xact_id_if_assigned() is null then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  if coalesce(qty, 0) not between 1 and 1000 then
    perform cogo.fail('CG004', 'qty must be 1 to 1000', jsonb_build_object('field', 'qty'));
  end if;
  if coalesce(lease_s, 0) not between 5 and 3600 then
    perform cogo.fail('CG004', 'lease_s must be 5 to 3600', jsonb_build_object('field', 'lease_s'));
  end if;
  scope := cogo.executor_scope(take.executor_id, take.epoch, false);
  if not scope.current then
    perform cogo.fail('CG025', 'a newer process runs as this executor', jsonb_build_object('epoch', take.epoch), 'Stop this one');
  elsif scope.draining then
    perform cogo.fail('CG025', 'this executor is draining', null, 'Register it again to take jobs');
  end if;
  if include_types is not null then
    exact := array(select t from unnest(include_types) t where t not like '%.*');
    prefixes := array(select replace(left(t, -1), '_', '\_') || '%' from unnest(include_types) t where t like '%.*');
  end if;

  chosen := array(
    select j.id from cogo.jobs j
     where j.pinned_executor_id = take.executor_id and j.state = 'queued'
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
  return cogo.lease_jobs(chosen, take.executor_id, lease_s);
end
$$;
