-- Trigger: every new row of job_events goes out on jobs:{job_id}; the turns of a job's life (not its progress and logs) also
-- become bus events of its trace. job.enqueued is not broadcast: nobody can listen on a topic before the id of the job is known.
create function cogo.job_events_broadcast()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  event record;
begin
  for event in select * from inserted where kind <> 'job.enqueued' order by id loop
    perform cogo.broadcast('jobs:' || event.job_id, event.kind,
      jsonb_build_object('id', event.id, 'job_id', event.job_id, 'kind', event.kind, 'data', event.data, 'ts', event.at));
  end loop;
  insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
  select j.trace_id, i.kind, 'jobs', i.project_id, i.data || jsonb_build_object('job_id', i.job_id, 'type', j.type)
    from inserted i
    join cogo.jobs j on j.id = i.job_id
   where j.trace_id is not null and i.kind not in ('job.progress', 'job.log')
   order by i.id;
  return null;
end
$$;

create trigger job_events_broadcast
  after insert on cogo.job_events
  referencing new table as inserted
  for each statement execute function cogo.job_events_broadcast();
