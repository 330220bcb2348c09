-- cogo.claim_job_keys: the idempotency of enqueue. Claims the key of each planned item; where a key has a job already, the item gets
-- that job_id and fresh = false. Keys are taken in order, so two calls with the same keys take turns instead of deadlocking.
-- Error: CG023 the key belongs to another input.
create function cogo.claim_job_keys(project_id uuid, plan jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  bad    record;
  answer jsonb;
begin
  delete from cogo.job_keys k
   where k.project_id = claim_job_keys.project_id
     and k.key in (select i ->> 'key' from jsonb_array_elements(plan) i)
     and k.expires_at < clock_timestamp();
  insert into cogo.job_keys (project_id, key, job_id, request_hash, expires_at)
  select distinct on (i.value ->> 'key')
         claim_job_keys.project_id, i.value ->> 'key', (i.value ->> 'job_id')::uuid, cogo.job_request_hash(i.value),
         clock_timestamp() + interval '7 days'
    from jsonb_array_elements(plan) with ordinality i
   where i.value ->> 'key' is not null
   order by i.value ->> 'key', i.ordinality
  on conflict do nothing;

  select i.value ->> 'key' as key, (i.value ->> 'nth')::int - 1 as index into bad
    from jsonb_array_elements(plan) i
    join cogo.job_keys k on k.project_id = claim_job_keys.project_id and k.key = i.value ->> 'key'
   where k.request_hash <> cogo.job_request_hash(i.value)
   limit 1;
  if found then
    perform cogo.fail('CG023', format('jobs[%s]: the key was used before with another input', bad.index),
      jsonb_build_object('index', bad.index, 'key', bad.key), 'Use a new key for a new input');
  end if;

  select jsonb_agg(case when k.key is null or k.job_id = (i.value ->> 'job_id')::uuid then i.value
                        else i.value || jsonb_build_object('job_id', k.job_id, 'fresh', false) end order by i.ordinality)
    into answer
    from jsonb_array_elements(plan) with ordinality i
    left join cogo.job_keys k on k.project_id = claim_job_keys.project_id and k.key = i.value ->> 'key';
  return answer;
end
$$;
