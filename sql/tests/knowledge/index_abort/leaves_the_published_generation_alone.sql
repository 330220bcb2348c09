select note('p', to_jsonb(project('P')));
select index(noted_id('p'), 'r', file('a.md', 'alpha'));
select note('run', cogo_api.index_begin(noted_id('p'), 'r') -> 'run_id');
select cogo_api.index_put(noted_id('run'), jsonb_build_array(file('a.md', 'beta')));
select is(cogo_api.index_abort(noted_id('run'), 'disk full') ->> 'state', 'aborted');
select is(found(noted_id('p'), '{"terms":{"alpha":1,"beta":1}}'), array['alpha']);
select is(cogo_api.index_status(noted_id('p')) #>> '{repos,0,last_run,reason}', 'disk full');
select throws_ok($$select cogo_api.index_finish(noted_id('run'))$$, 'CG031');
