select note('p', to_jsonb(project('P')));
select note('j', to_jsonb(job(noted_id('p'), '{"key":"k","payload":{"a":1,"b":2}}')));
select is(job(noted_id('p'), '{"key":"k","payload":{"b":2,"a":1}}'), noted_id('j'), 'the order of keys in the payload does not matter');
select is(cogo_api.enqueue(noted_id('p'), '[{"type":"code.debug","key":"k","payload":{"a":1,"b":2}}]') #>> '{0,duplicate}', 'true');
select throws_ok($$select job(noted_id('p'), '{"key":"k","payload":{"a":2}}')$$, 'CG023');
select is((select count(distinct (a ->> 'job_id')) from jsonb_array_elements(cogo_api.enqueue(noted_id('p'),
  '[{"type":"code.debug","key":"n"},{"type":"code.debug","key":"n"}]')) a), 1::bigint, 'twice in one call');
select is((select count(*) from cogo.jobs), 2::bigint);
delete from cogo.jobs where id = noted_id('j');
select is(job(noted_id('p'), '{"key":"k","payload":{"a":1,"b":2}}'), noted_id('j'), 'the key outlives the job');
select note('q', to_jsonb(project('Q')));
select isnt(job(noted_id('q'), '{"key":"k"}'), noted_id('j'), 'keys belong to a project');
select note('s', to_jsonb(job(noted_id('p'), '{"key":"short","payload":null,"max_attempts":2}')));
select is(cogo_api.enqueue(noted_id('p'), '[{"type":"code.debug"},{"type":"code.debug","key":"short","payload":null,"max_attempts":2}]') #>> '{1,job_id}',
  noted('s') #>> '{}', 'one job a call and several: the same key');
select note('l', cogo_api.enqueue(noted_id('p'), '[{"type":"code.debug"},{"type":"code.debug","key":"long"}]') -> 1);
select is(cogo_api.enqueue(noted_id('p'), '[{"type":"code.debug","key":"long"}]') -> 0 ->> 'job_id', noted('l') ->> 'job_id');
-- the same key by every way: one job, several, one with more to it. Each way after each other one, the same input and another
create function tests.by(way text, item jsonb) returns jsonb language sql as $$
  select cogo_api.enqueue(noted_id('q'), case way when 'one' then jsonb_build_array(item)
    when 'several' then jsonb_build_array(item, '{"type":"code.debug"}'::jsonb) else jsonb_build_array(item, '{"type":"code.debug","rate_key":"r"}'::jsonb) end) -> 0
$$;
create temp table ways as select before, after, format('%s-%s-%s', before, after, nth) as key, item from
  unnest(array['one', 'several', 'long']) before, unnest(array['one', 'several', 'long']) after,
  (values (1, '{"type":"code.debug","payload":{"b":"\u00e4\n","a":[1,2.50,{}]}}'::jsonb), (2, '{"type":"code.debug","max_attempts":2,"priority":0}'),
    (3, '{"type":"code.debug","executor":"cogo-work","trace_id":"t"}')) i(nth, item);
create temp table firsts as select w.*, tests.by(w.before, w.item || jsonb_build_object('key', w.key)) as made from ways w;
select is(tests.by(f.after, f.item || jsonb_build_object('key', f.key, 'trace_id', 'u')) ->> 'job_id', f.made ->> 'job_id', f.key) from firsts f;
select throws_ok(format('select tests.by(%L, %L)', f.after, f.item || jsonb_build_object('key', f.key, 'payload', '{"c":1}'::jsonb)), 'CG023') from firsts f;
select is((select count(distinct f.made ->> 'job_id') from firsts f), 27::bigint);
