select note('p', to_jsonb(project('P')));
select index(noted_id('p'), 'r', file('a.md', 'alpha'), file('b.md', 'beta'));
select is((select count(*) from cogo.graph_outbox), 0::bigint, 'without a mirror nothing piles up');
select is(cogo_api.mirror_status(noted_id('p')) ->> 'enabled', 'false');
select throws_ok($$ select cogo_api.mirror_take(noted_id('p')) $$, 'CG003');
select is(cogo_api.mirror_start(noted_id('p')) ->> 'backlog', '2', 'a new mirror is told everything');
select note('t', cogo_api.mirror_take(noted_id('p'), 1));
select is(noted('t') #>> '{items,0,path}', 'a.md');
select is(cogo_api.mirror_take(noted_id('p'), 1), noted('t'), 'told twice is told the same');
select is(cogo_api.mirror_done(noted_id('p'), array(select jsonb_array_elements_text(noted('t') #> '{items,0,ids}')::bigint)), '{"done":1,"backlog":1}'::jsonb);
-- a change, a change of it again, and a removal
select index(noted_id('p'), 'r', file('a.md', 'alpha two'));
select index(noted_id('p'), 'r', file('a.md', 'alpha three'));
select note('run', cogo_api.index_begin(noted_id('p'), 'r') -> 'run_id');
select cogo_api.index_delete(noted_id('run'), array['b.md']);
select cogo_api.index_finish(noted_id('run'));
select is((select array_agg(i ->> 'path' || ' ' || (i ->> 'published') || ' ' || jsonb_array_length(i -> 'ids') order by i ->> 'path')
  from jsonb_array_elements(cogo_api.mirror_take(noted_id('p')) -> 'items') i), array['a.md true 2', 'b.md false 2'], 'a file is told once, as it is now');
-- a run that is given up tells nothing
select note('run', cogo_api.index_begin(noted_id('p'), 'r') -> 'run_id');
select cogo_api.index_put(noted_id('run'), jsonb_build_array(file('z.md', 'zeta')));
select cogo_api.index_abort(noted_id('run'));
select is((select count(*) from cogo.graph_outbox where path = 'z.md'), 0::bigint);
select is(cogo_api.mirror_stop(noted_id('p')) ->> 'backlog', '0');
