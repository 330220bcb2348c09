-- cogo.can_read_job: whether the caller may read the job with this id (any text; what is no id is nobody's).
create function cogo.can_read_job(job_id text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  home uuid;
begin
  select j.project_id into home from cogo.jobs j where j.id = can_read_job.job_id::uuid;
  if not found then
    select h.project_id into home from cogo.jobs_history h where h.id = can_read_job.job_id::uuid limit 1;
  end if;
  return home is not null and cogo.role_in(home) is not null;
exception when invalid_text_representation then
  return false;
end
$$;
