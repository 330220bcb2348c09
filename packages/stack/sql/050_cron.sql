-- pg_cron's names where pg_cron is not: the stack's scheduler reads cron.job and writes cron.job_run_details.
-- Source: citusdata/pg_cron 1.6, README and sql/. A schedule is five fields or 'N seconds' (1-59); times are UTC.
do $shim$
begin
  if to_regnamespace('cron') is not null and to_regprocedure('cron.cogo_is_shim()') is null then
    return;
  end if;
  create schema if not exists cron;

  create table if not exists cron.job (
    jobid     bigint generated always as identity primary key,
    schedule  text not null,
    command   text not null,
    nodename  text not null default 'localhost',
    nodeport  integer not null default 0,
    database  text not null default current_database(),
    username  text not null default current_user,
    active    boolean not null default true,
    jobname   text,
    constraint jobname_username_uniq unique (jobname, username)
  );

  create table if not exists cron.job_run_details (
    jobid           bigint,
    runid           bigint generated always as identity primary key,
    job_pid         integer,
    database        text,
    username        text,
    command         text,
    status          text,
    return_message  text,
    start_time      timestamptz,
    end_time        timestamptz
  );
  create index if not exists job_run_details_job on cron.job_run_details (jobid, runid desc);

  create or replace function cron.cogo_is_shim() returns boolean language sql immutable as 'select true';

  -- Refuses what the scheduler could not run, so a typo fails where it is written. The ranges are the scheduler's to check.
  create or replace function cron.cogo_check(schedule text) returns void language plpgsql immutable
    set search_path = '' as $fn$
  begin
    if schedule ~* '^\s*([1-9]|[1-5][0-9])\s+seconds?\s*$' or schedule ~ '^\s*\S+(\s+\S+){4}\s*$' then
      return;
    end if;
    raise exception using errcode = '22023', message = format('invalid schedule: %s', schedule),
      hint = 'Use cron format (e.g. 5 4 * * *), or an interval: [1-59] seconds';
  end
  $fn$;

  create or replace function cron.schedule(job_name text, schedule text, command text) returns bigint
    language plpgsql set search_path = '' as $fn$
  declare
    id bigint;
  begin
    perform cron.cogo_check(schedule.schedule);
    insert into cron.job as j (schedule, command, jobname)
    values (schedule.schedule, schedule.command, schedule.job_name)
    on conflict (jobname, username) do update
      set schedule = excluded.schedule, command = excluded.command, active = true
    returning j.jobid into id;
    return id;
  end
  $fn$;

  create or replace function cron.schedule(schedule text, command text) returns bigint
    language plpgsql set search_path = '' as $fn$
  declare
    id bigint;
  begin
    perform cron.cogo_check(schedule.schedule);
    insert into cron.job as j (schedule, command) values (schedule.schedule, schedule.command)
    returning j.jobid into id;
    return id;
  end
  $fn$;

  create or replace function cron.unschedule(job_name text) returns boolean language plpgsql set search_path = '' as $fn$
  begin
    delete from cron.job j where j.jobname = unschedule.job_name and j.username = current_user;
    if not found then
      raise exception 'could not find valid entry for job ''%''', job_name;
    end if;
    return true;
  end
  $fn$;

  create or replace function cron.unschedule(job_id bigint) returns boolean language plpgsql set search_path = '' as $fn$
  begin
    delete from cron.job j where j.jobid = unschedule.job_id;
    if not found then
      raise exception 'could not find valid entry for job %', job_id;
    end if;
    return true;
  end
  $fn$;

  create or replace function cron.alter_job(
    job_id bigint, schedule text default null, command text default null, database text default null,
    username text default null, active boolean default null
  ) returns void language plpgsql set search_path = '' as $fn$
  begin
    if alter_job.schedule is not null then
      perform cron.cogo_check(alter_job.schedule);
    end if;
    update cron.job j set
      schedule = coalesce(alter_job.schedule, j.schedule),
      command = coalesce(alter_job.command, j.command),
      active = coalesce(alter_job.active, j.active)
    where j.jobid = alter_job.job_id;
    if not found then
      raise exception 'Job % does not exist or you don''t own it', job_id;
    end if;
  end
  $fn$;

  revoke all on schema cron from public;
  revoke all on all functions in schema cron from public;
end
$shim$;
