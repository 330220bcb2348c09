do $$ begin perform cogo.keep_partitions(); end $$;

-- What a deleted project leaves in the tables that do not refer to it.
create function cogo.forget_jobs()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  delete from cogo.jobs j using gone g where j.project_id = g.id;
  delete from cogo.job_payloads p using gone g where p.project_id = g.id;
  delete from cogo.job_attempts a using gone g where a.project_id = g.id;
  delete from cogo.job_steps s using gone g where s.project_id = g.id;
  delete from cogo.job_events e using gone g where e.project_id = g.id;
  delete from cogo.job_keys k using gone g where k.project_id = g.id;
  delete from cogo.jobs_history h using gone g where h.project_id = g.id;
  return null;
end
$$;

create trigger projects_forget_jobs
  after delete on cogo.projects
  referencing old table as gone
  for each statement execute function cogo.forget_jobs();
