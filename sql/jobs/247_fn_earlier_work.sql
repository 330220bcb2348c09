-- cogo.earlier_work: what earlier attempts of a job left: {steps?: {name: output}, children?: [{job_id, type, state, result, error}]}.
create function cogo.earlier_work(job_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (select coalesce((select jsonb_build_object('steps', jsonb_object_agg(s.name, s.output))
                       from cogo.job_steps s where s.job_id = earlier_work.job_id having count(*) > 0), '{}')
        || coalesce((select jsonb_build_object('children', jsonb_agg(c.child order by c.id))
                       from (select j.id, jsonb_build_object('job_id', j.id, 'type', j.type, 'state', j.state, 'result', j.result, 'error', p.error) as child
                               from cogo.jobs j left join cogo.job_payloads p on p.project_id = j.project_id and p.job_id = j.id where j.parent_id = earlier_work.job_id
                             union all
                             select h.id, jsonb_build_object('job_id', h.id, 'type', h.type, 'state', h.state, 'result', h.result, 'error', h.error)
                               from cogo.jobs_history h where h.parent_id = earlier_work.job_id) c
                     having count(*) > 0), '{}'));
end
$$;
