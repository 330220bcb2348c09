-- Retries, hand-backs and lease recoveries of the last day, by type: how attempts ended that did not end the job well.
select j.type, a.outcome, count(*) as attempts, count(distinct a.job_id) as jobs, max(a.attempt) as highest_attempt,
       (array_agg(a.error ->> 'message' order by a.ended_at desc) filter (where a.error is not null))[1] as last_error
  from cogo.job_attempts a
  join cogo.jobs j on j.id = a.job_id
 where a.ended_at > clock_timestamp() - interval '1 day'
 group by j.type, a.outcome
 order by attempts desc;
