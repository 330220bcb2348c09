-- cogo.executor_scope: who works here: (kind, project_id) the caller may serve as executor_id. A worker token: its executor kind in
-- its project. The server: the kind the executor registered with, or every kind (null), in every project (null).
-- current: epoch is none, or that of its newest process; draining as it registered. Takes note of its presence.
-- Errors: CG001 anonymous, CG002 not a worker or the id is another project's, CG004 malformed id.
create function cogo.executor_scope(
  executor_id text, epoch int, insist boolean, out kind text, out project_id uuid, out current boolean, out draining boolean)
language plpgsql
set search_path = ''
as $$
declare
  who  record := cogo.identity();
  home record;
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'a worker token is needed', null, 'Send it in x-cogo-token');
  elsif who.kind not in ('worker', 'service') then
    perform cogo.fail('CG002', 'only workers take jobs', null, 'Use a worker token');
  end if;
  if coalesce(executor_id, '') !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then
    perform cogo.fail('CG004', 'executor_id must be 1 to 100 letters, digits, dots, dashes or underscores',
      jsonb_build_object('field', 'executor_id'));
  end if;
  select e.* into home from cogo.executors e where e.id = executor_scope.executor_id;
  executor_scope.current := coalesce(executor_scope.epoch >= home.epoch, true);
  executor_scope.draining := coalesce(home.draining, false);
  if who.kind = 'service' then
    executor_scope.kind := home.kind;
    executor_scope.project_id := home.project_id;
  elsif home.kind is not null and (home.project_id is distinct from who.project_id or home.kind <> who.executor) then
    perform cogo.fail('CG002', 'this executor id is not yours', null, 'Choose another executor id');
  else
    executor_scope.kind := who.executor;
    executor_scope.project_id := who.project_id;
  end if;
  if executor_scope.current and (insist or home.dead_at is not null
       or home.last_seen < clock_timestamp() - make_interval(secs => least(10, coalesce(home.beat_s, 10) / 2.0))) then
    -- who holds the row notes it as well; waiting for them with jobs locked (turn) could go round in a circle with a beat
    update cogo.executors e set last_seen = clock_timestamp(), dead_at = null
     where e.id in (select x.id from cogo.executors x where x.id = executor_scope.executor_id for update skip locked);
  end if;
end
$$;
