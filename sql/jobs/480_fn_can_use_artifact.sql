-- cogo.can_read_artifact, cogo.can_write_artifact: whether the caller may read or make an object of the bucket cogo-artifacts. Used by
-- the policies on storage.objects; they disclose nothing but that answer. An existing object is never written again.
--   jobs/{job_id}/{attempt}/{set}/{file}   read: the project's members, tokens and workers; write: a worker of the project and the
--                                          executor kind that runs this attempt, while it runs
--   payloads/{project_id}/{name}           read: the same; write: editors of the project
create function cogo.can_read_artifact(name text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  part text[] := string_to_array(name, '/');
  home uuid;
begin
  if part[1] = 'payloads' then
    home := part[2]::uuid;
  elsif part[1] = 'jobs' then
    select j.project_id into home from cogo.jobs j where j.id = part[2]::uuid;
    if not found then
      select h.project_id into home from cogo.jobs_history h where h.id = part[2]::uuid limit 1;
    end if;
  end if;
  if home is null then
    return false;
  end if;
  -- readers of a public project see its jobs, not what they left behind
  return coalesce(cogo.role_in(home) in ('service', 'worker', 'editor', 'admin', 'owner'), false) or exists (
    select from cogo.project_members m where m.project_id = home and m.user_id = (cogo.identity()).user_id);
exception
  when invalid_text_representation or sqlstate 'CG001' then
    return false;
end
$$;

create function cogo.can_write_artifact(name text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  part text[] := string_to_array(name, '/');
  who  record := cogo.identity();
begin
  if name !~ '^[A-Za-z0-9_-]+(/[A-Za-z0-9_][A-Za-z0-9._-]*){2,5}$' then
    return false;
  elsif part[1] = 'payloads' and cardinality(part) = 3 then
    return coalesce(cogo.role_in(part[2]::uuid) in ('service', 'editor', 'admin', 'owner'), false);
  elsif part[1] = 'jobs' and cardinality(part) >= 4 and part[3] ~ '^\d{1,9}$' then
    return who.kind = 'service' or who.kind = 'worker' and exists (
      select from cogo.jobs j join cogo.executors e on e.id = j.executor_id
       where j.id = part[2]::uuid and j.project_id = who.project_id and j.state = 'running' and j.attempt = part[3]::int
         and e.kind = who.executor);
  end if;
  return false;
exception
  when invalid_text_representation or sqlstate 'CG001' then
    return false;
end
$$;
