-- One job of the given shape; type code.debug unless said. Returns its id.
create function tests.job(project_id uuid, shape jsonb default '{}') returns uuid language sql as $$
  select (cogo_api.enqueue(project_id, jsonb_build_array('{"type":"code.debug"}'::jsonb || shape)) -> 0 ->> 'job_id')::uuid
$$;

create function tests.state(job_id uuid) returns text language sql as $$ select j.state from cogo.jobs j where j.id = job_id $$;

-- Claims one job as an executor of the server and returns {job_id, token, …}, or null.
create function tests.claim_one(executor text default 'one') returns jsonb language sql as $$
  select cogo_api.claim(executor) -> 0
$$;

-- Makes every lease end a second ago, as if no beat had come.
create function tests.let_leases_lapse() returns void language sql as $$
  update cogo.jobs set lease_until = clock_timestamp() - interval '1 second' where state = 'running'
$$;

-- Makes every delay end now.
create function tests.let_delays_end() returns void language sql as $$
  update cogo.jobs set run_at = clock_timestamp() where state = 'scheduled'
$$;

create function tests.verdicts(answer jsonb) returns text[] language sql as $$
  select array_agg(v ->> 'verdict') from jsonb_array_elements(answer) v
$$;

create function tests.events(job_id uuid) returns text[] language sql as $$
  select array_agg(e ->> 'kind' order by nth) from jsonb_array_elements(cogo_api.job_events(events.job_id)) with ordinality x(e, nth)
$$;
