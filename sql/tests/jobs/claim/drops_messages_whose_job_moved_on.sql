select note('p', to_jsonb(project('P')));
select note('gone', to_jsonb(job(noted_id('p'))));
select note('j', to_jsonb(job(noted_id('p'))));
delete from cogo.jobs where id = noted_id('gone');
insert into pgmq.q_cogo_work_default_1 (vt, message) values (clock_timestamp(), jsonb_build_object('j', noted('j') #>> '{}'));
select is((select array_agg(c ->> 'job_id') from jsonb_array_elements(cogo_api.claim('one', 10)) c), array[noted('j') #>> '{}'], 'a doubled message gives one lease');
select is(cogo_api.claim('one', 10), '[]'::jsonb);
select is((select count(*) from pgmq.q_cogo_work_default_1), 0::bigint);
