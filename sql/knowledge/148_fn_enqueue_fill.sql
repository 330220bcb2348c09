-- cogo.enqueue_fill: makes a job that fills a model's vectors, unless one is waiting already, which will see the new chunks too.
-- The model's row is locked by the caller. Locking the waiting job keeps it from being claimed, and finding nothing, before we commit.
create function cogo.enqueue_fill(model cogo.embedding_models)
returns void
language plpgsql
set search_path = ''
as $$
declare
  made uuid;
begin
  perform from cogo.jobs j
    where j.id = model.job_id and j.state in ('queued', 'scheduled', 'blocked') for update;
  if found then
    return;
  end if;
  select m.job_id into made
    from cogo.make_jobs(model.project_id, cogo.plan_jobs(model.project_id, jsonb_build_array(jsonb_build_object(
           'type', 'embed.fill', 'payload', jsonb_build_object('model', model.name), 'priority', 2,
           'concurrency_key', 'embed:' || model.id))), cogo.principal(), null) m;
  update cogo.embedding_models e set job_id = made where e.id = model.id;
end
$$;
