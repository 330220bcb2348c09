/**
 * Statements that make a database keep every outcome a job ever got, in cogo.job_outcomes (job_id, state): also one that overwrote
 * another, which the job's own row and its events can't show. For checks that no outcome is recorded twice.
 */
export const KEEP_OUTCOMES = `
  create table cogo.job_outcomes (job_id uuid not null, state text not null);
  create index on cogo.job_outcomes (job_id);
  create function cogo.keep_outcome() returns trigger language plpgsql security definer as $$
    begin insert into cogo.job_outcomes values (new.id, new.state); return null; end $$;
  create trigger keep_outcome after update on cogo.jobs for each row
    when (new.state in ('succeeded', 'cancelled', 'dead')
          and (new.state <> old.state or new.finished_at is distinct from old.finished_at))
    execute function cogo.keep_outcome();`;
