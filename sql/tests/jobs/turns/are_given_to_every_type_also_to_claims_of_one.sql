-- a project with two types far over its share; workers that take one job at a time
select note('p', to_jsonb(project('P')));
select cogo_api.set_job_limit(noted_id('p'), '{"kind":"project","ready_share":1}');
select cogo_api.enqueue(noted_id('p'), (select jsonb_agg(jsonb_build_object('type', 'code.build.test')) from generate_series(1, 400)));
select cogo_api.enqueue(noted_id('p'), (select jsonb_agg(jsonb_build_object('type', 'code.debug')) from generate_series(1, 400)));
-- that none of 200 claims is of the second type: less than one in 20,000
create temporary table taken as select cogo_api.claim('one') -> 0 ->> 'type' as type from generate_series(1, 200);
select ok((select count(*) > 0 from taken where type = 'code.debug'), 'the second type is not left to wait for the first to be over');
select ok((select count(*) > 0 from taken where type = 'code.build.test'));
