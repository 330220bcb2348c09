-- The rows of cogo.jobs are those of cogo.sound_job.
alter table cogo.jobs add constraint jobs_sound check (cogo.sound_job(jobs));
