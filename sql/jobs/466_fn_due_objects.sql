-- cogo.due_objects: objects of the bucket cogo-artifacts that nobody needs any more, the oldest first: {path, home, reason}. home: the
-- project it belonged to, null when that is gone or unknown.
--   expired  an artifact (jobs/…) made over 30 days ago
--   orphan   over a day old, and an artifact of a job that is gone, or a payload (payloads/…) that no job of cogo.jobs refers to
-- Nothing is kept about what is due: it is read off the objects, so what could not be deleted is due again. Only the Storage API may
-- delete an object (it deletes the file before the row): see the job type storage.clean.
create function cogo.due_objects(lim int)
returns table (path text, home uuid, reason text)
language plpgsql
stable
set search_path = ''
as $$
begin
  if to_regclass('storage.objects') is null then
    return;
  end if;
  return query execute $sql$
    select o.name, coalesce(l.project_id, h.project_id, p.id),
           case when o.family = 'jobs' and (l.project_id is not null or h.project_id is not null) then 'expired' else 'orphan' end
      from (select x.name, x.created_at, split_part(x.name, '/', 1) as family,
                   case when split_part(x.name, '/', 2) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then split_part(x.name, '/', 2)::uuid end as id
              from storage.objects x
             where x.bucket_id = 'cogo-artifacts' and x.created_at < clock_timestamp() - interval '1 day') o
      left join cogo.jobs l on o.family = 'jobs' and l.id = o.id
      left join lateral (select y.project_id from cogo.jobs_history y where o.family = 'jobs' and l.id is null and y.id = o.id limit 1) h on true
      left join cogo.projects p on o.family = 'payloads' and p.id = o.id
     where case
             when l.project_id is not null or h.project_id is not null then o.created_at < clock_timestamp() - interval '30 days'
             when p.id is not null then not exists (
               select from cogo.job_payloads i
                where i.input ? 'payload_ref' and i.input #>> '{payload_ref,path}' = o.name)
             else o.family in ('jobs', 'payloads')
           end
     order by o.created_at
     limit $1$sql$ using lim;
end
$$;
