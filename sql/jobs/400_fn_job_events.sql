-- cogo_api.job_events: the events of a job after an id, oldest first, at most 1,000: [{id, kind, data, at}]. Needs viewer.
-- Error: CG003.
create function cogo_api.job_events(job_id uuid, after_id bigint default 0, lim int default 200)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  most int := least(greatest(coalesce(lim, 200), 1), 1000);
begin
  perform cogo.readable_job(job_events.job_id, 'viewer');
  return coalesce((
    select jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'data', e.data, 'at', e.at) order by e.id)
      from (select x.id, x.kind, x.data, x.at
              from ((select s.id, s.kind, s.data, s.at from cogo.job_events s
                      where s.job_id = job_events.job_id and s.id > coalesce(after_id, 0)
                      order by s.id limit most)
                    union all
                    select t.id, t.kind, t.data, t.at from cogo.job_turns(job_events.job_id) t where t.id > coalesce(after_id, 0)) x
             order by x.id limit most) e), '[]');
end
$$;
revoke all on function cogo_api.job_events(uuid, bigint, int) from public;
grant execute on function cogo_api.job_events(uuid, bigint, int) to anon, authenticated, service_role;
