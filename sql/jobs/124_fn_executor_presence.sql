-- Trigger: an executor that came, changed what it does or says of itself, left, or was found dead says so on agents:{executor_id}:
-- presence {executor_id, kind, epoch, state, draining, running, slots, last_seen, info}. state: as executor_state. A beat that changes
-- nothing is no news.
create function cogo.executor_presence()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.hint('agents:' || new.id, 'presence', jsonb_build_object('executor_id', new.id, 'kind', new.kind, 'epoch', new.epoch,
    'state', cogo.executor_state(new), 'draining', new.draining, 'running', new.running, 'slots', new.info -> 'slots',
    'last_seen', new.last_seen, 'info', new.info));
  return null;
end
$$;

create trigger executor_came
  after insert on cogo.executors
  for each row execute function cogo.executor_presence();
create trigger executor_changed
  after update on cogo.executors
  for each row when (
    (old.kind, old.epoch, old.instance, old.draining, old.running, old.info, old.dead_at is null, old.stopped_at is null)
      is distinct from
    (new.kind, new.epoch, new.instance, new.draining, new.running, new.info, new.dead_at is null, new.stopped_at is null))
  execute function cogo.executor_presence();
