-- cogo_api.set_job_limit: sets a limit of a project's jobs; returns it as stored. Needs admin.
--   {kind: 'concurrency', key, slots}            at most slots jobs of a concurrency key queued or running
--   {kind: 'rate', key, per_minute, burst?}      jobs of a rate key (a type, or the rate_key of enqueue); per_minute null: no rate
--   {kind: 'project', queue_limit?, ready_share?}  jobs that may wait; how many of them a lane's ready list holds at once
-- Lowering a limit stops nothing that runs. Errors: as require_role; CG004 unknown kind or out of range.
create function cogo_api.set_job_limit(project_id uuid, job_limit jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  label text := job_limit ->> 'key';
begin
  perform cogo.require_role(set_job_limit.project_id, 'admin');
  if job_limit ->> 'kind' in ('concurrency', 'rate') and coalesce(length(label), 0) not between 1 and 255 then
    perform cogo.fail('CG004', 'key must have 1 to 255 characters', jsonb_build_object('field', 'key'));
  end if;
  case job_limit ->> 'kind'
    when 'concurrency' then
      insert into cogo.job_slots as s (project_id, key, slots)
      values (set_job_limit.project_id, label, (job_limit ->> 'slots')::int)
      on conflict on constraint job_slots_pkey do update set slots = excluded.slots;
      return (select to_jsonb(s) - 'project_id' from cogo.job_slots s where s.project_id = set_job_limit.project_id and s.key = label);
    when 'rate' then
      if job_limit ->> 'per_minute' is null then
        delete from cogo.job_rates r where r.project_id = set_job_limit.project_id and r.key = label;
        return jsonb_build_object('key', label, 'per_minute', null);
      end if;
      insert into cogo.job_rates as r (project_id, key, interval_s, burst)
      values (set_job_limit.project_id, label, 60 / nullif((job_limit ->> 'per_minute')::double precision, 0),
        coalesce((job_limit ->> 'burst')::int, 1))
      on conflict on constraint job_rates_pkey do update set interval_s = excluded.interval_s, burst = excluded.burst;
      return jsonb_build_object('key', label, 'per_minute', job_limit -> 'per_minute', 'burst', coalesce(job_limit -> 'burst', '1'));
    when 'project' then
      insert into cogo.job_quotas (project_id) values (set_job_limit.project_id) on conflict do nothing;
      update cogo.job_quotas q
         set queue_limit = coalesce((job_limit ->> 'queue_limit')::int, q.queue_limit),
             ready_share = coalesce((job_limit ->> 'ready_share')::int, q.ready_share),
             counted = coalesce((job_limit ->> 'queue_limit')::int, q.queue_limit)
       where q.project_id = set_job_limit.project_id;
      return (select jsonb_build_object('queue_limit', q.queue_limit, 'ready_share', q.ready_share)
                from cogo.job_quotas q where q.project_id = set_job_limit.project_id);
    else
      perform cogo.fail('CG004', 'kind must be concurrency, rate or project', jsonb_build_object('field', 'kind'));
  end case;
  return null;
exception
  when check_violation or not_null_violation or invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG004', 'the limit is out of range', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.set_job_limit(uuid, jsonb) from public;
grant execute on function cogo_api.set_job_limit(uuid, jsonb) to anon, authenticated, service_role;
