-- cogo.clean_storage: makes a job storage.clean for each project that has objects nobody needs (due_objects), unless one waits or runs
-- already; what belongs to no project is the first one's to delete. Returns how many it made. A project that may not have more jobs
-- waiting gets its job an hour later.
create function cogo.clean_storage()
returns int
language plpgsql
set search_path = ''
as $$
declare
  home uuid;
  made int := 0;
begin
  for home in
    select distinct coalesce(d.home, (select p.id from cogo.projects p order by p.created_at, p.id limit 1)) from cogo.due_objects(1000) d
  loop
    continue when home is null or exists (
      select from cogo.job_slots s where s.project_id = home and s.key = 'storage.clean' and s.used > 0);
    begin
      perform cogo_api.enqueue(home, '[{"type": "storage.clean", "concurrency_key": "storage.clean", "priority": 2}]');
      made := made + 1;
    exception when sqlstate 'CG024' then
      null;
    end;
  end loop;
  return made;
end
$$;
