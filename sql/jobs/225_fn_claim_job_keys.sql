-- cogo.claim_job_keys: the idempotency of enqueue. Claims the key of each planned item; where a key has a job already, the item gets
-- that job_id and fresh = false. Keys are taken in order, so two calls with the same keys take turns instead of deadlocking.
-- Error: CG023 the key belongs to another input.
create function cogo.claim_job_keys(project_id uuid, plan cogo.planned_job[])
returns cogo.planned_job[]
language plpgsql
set search_path = ''
as $$
declare
  claimed int;
  bad     record;
  answer  cogo.planned_job[];
begin
  insert into cogo.job_keys as k (project_id, key, job_id, request_hash, expires_at)
  select distinct on (p.key) claim_job_keys.project_id, p.key, p.job_id, p.request_hash, clock_timestamp() + interval '7 days'
    from unnest(plan) p
   where p.key is not null
   order by p.key, p.nth
  on conflict on constraint job_keys_pkey do update
    set job_id = excluded.job_id, request_hash = excluded.request_hash, expires_at = excluded.expires_at, created_at = clock_timestamp()
    where k.expires_at < clock_timestamp();
  get diagnostics claimed = row_count;
  if claimed = cardinality(plan) or claimed = (select count(*) from unnest(plan) p where p.key is not null) then
    return plan;
  end if;

  select p.key, p.nth - 1 as index into bad
    from unnest(plan) p
    join cogo.job_keys k on k.project_id = claim_job_keys.project_id and k.key = p.key
   where k.request_hash <> p.request_hash
   limit 1;
  if found then
    perform cogo.fail('CG023', format('jobs[%s]: the key was used before with another input', bad.index),
      jsonb_build_object('index', bad.index, 'key', bad.key), 'Use a new key for a new input');
  end if;
  select array_agg((p.nth, coalesce(k.job_id, p.job_id), k.key is null or k.job_id = p.job_id, p.type, p.payload, p.lane, p.band,
           p.run_at, p.wait, p.max_attempts, p.key, p.request_hash, p.pin, p.concurrency_key, p.rate_key, p.parent_id, p.trace_id,
           p.msg_id, p.problem)::cogo.planned_job order by p.nth)
    into answer
    from unnest(plan) p
    left join cogo.job_keys k on k.project_id = claim_job_keys.project_id and k.key = p.key;
  return answer;
end
$$;
