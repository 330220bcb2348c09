-- cogo.open_batch: makes a batch of jobs or finds the one to add to; returns its id. Errors: CG000 malformed, CG003 not of the project.
create function cogo.open_batch(project_id uuid, batch jsonb, jobs int)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  made uuid;
begin
  if jsonb_typeof(batch) <> 'object' or coalesce(length(batch ->> 'name'), 1) not between 1 and 200 then
    perform cogo.fail('CG000', 'batch must be {id?, name?} with a name of 1 to 200 characters', jsonb_build_object('field', 'batch'));
  end if;
  if batch ->> 'id' is null then
    insert into cogo.job_batches (project_id, name, jobs, created_by)
    values (open_batch.project_id, batch ->> 'name', open_batch.jobs, cogo.principal())
    returning id into made;
    return made;
  end if;
  begin
    update cogo.job_batches b set jobs = b.jobs + open_batch.jobs
     where b.id = (batch ->> 'id')::uuid and b.project_id = open_batch.project_id
    returning b.id into made;
  exception when invalid_text_representation then
    perform cogo.fail('CG000', 'batch.id must be a uuid', jsonb_build_object('field', 'batch.id'));
  end;
  if made is null then
    perform cogo.fail('CG003', 'no such batch', jsonb_build_object('batch_id', batch ->> 'id'));
  end if;
  return made;
end
$$;
