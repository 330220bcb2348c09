-- cogo.lock_family: locks a job as lock_jobs does, with all below it where below is said; returns their ids, the job's
-- first. A child that was made while this waited for a lock would be locked out of order, so then all is let go and begun anew: once
-- a job is locked, no more children of it can be made.
create function cogo.lock_family(job_id uuid, below boolean)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  ids uuid[];
begin
  loop
    ids := case when below then cogo.family(job_id) else array[job_id] end;
    begin
      perform cogo.lock_jobs(ids);
      if not below or cogo.family(job_id) <@ ids then
        return ids;
      end if;
      raise exception using errcode = 'CG0LF';
    exception when sqlstate 'CG0LF' then
      null;
    end;
  end loop;
end
$$;
