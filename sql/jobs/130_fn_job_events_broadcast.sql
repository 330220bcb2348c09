-- Trigger: new rows of job_events go out on jobs:{job_id}; the turns of a job's life (not its progress and logs) also become bus
-- events of its trace. The plain turns are no rows: cogo.tell says them.
-- Bounded: at most 100 broadcasts a statement. Quiet jobs (made by the dozen in one call) are not broadcast at all, and give their
-- trace one event a statement and kind, with their number. The rows are there all the same for who reads on from the last id.
create function cogo.job_events_broadcast()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  event record;
begin
  if exists (select from inserted i where not i.quiet) then
    for event in select * from inserted i where not i.quiet order by i.id limit 100 loop
      perform cogo.hint('jobs:' || event.job_id, event.kind,
        jsonb_build_object('id', event.id, 'job_id', event.job_id, 'kind', event.kind, 'data', event.data, 'ts', event.at));
    end loop;
  end if;
  if exists (select from inserted i where i.trace_id is not null) then
    insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
    select i.trace_id, i.kind, 'jobs', i.project_id, i.data || jsonb_build_object('job_id', i.job_id, 'type', j.type)
      from inserted i
      join cogo.jobs j on j.id = i.job_id
     where i.trace_id is not null and not i.quiet and i.kind not in ('job.progress', 'job.log')
     order by i.id;
    insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
    select i.trace_id, i.kind, 'jobs', i.project_id, jsonb_build_object('jobs', count(*))
      from inserted i
     where i.trace_id is not null and i.quiet and i.kind not in ('job.progress', 'job.log')
     group by i.trace_id, i.kind, i.project_id;
  end if;
  return null;
end
$$;

create trigger job_events_broadcast
  after insert on cogo.job_events
  referencing new table as inserted
  for each statement execute function cogo.job_events_broadcast();
