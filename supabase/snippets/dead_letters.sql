-- Dead letters of the last week, newest first. Try one again: select cogo_api.redrive('<job_id>');
select d.at, p.slug, j.type, d.reason, d.error ->> 'message' as message, j.attempt, j.failures, j.lease_losses, d.job_id, d.redriven_to
  from cogo.job_dead d
  join cogo.jobs j on j.id = d.job_id
  join cogo.projects p on p.id = d.project_id
 where d.at > clock_timestamp() - interval '7 days'
 order by d.at desc
 limit 100;
