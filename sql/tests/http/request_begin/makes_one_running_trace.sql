select note('p', to_jsonb(project('P')));
select note('r', cogo_api.request_begin(jsonb_build_object('trace_id', 't1', 'function', 'chat', 'principal', 'user:a', 'project_id', noted_id('p'))));
select is(noted('r') #>> '{trace,trace_id}', 't1');
select is((select status from cogo.traces where trace_id = 't1'), 'running');
select is(noted('r') -> 'rate', null, 'no verdict about what was not asked');
select throws_ok($$select cogo_api.request_begin('{"trace_id":"t2","function":"chat","principal":"x","project_id":"00000000-0000-4000-8000-000000000000"}')$$, 'CG003');
select throws_ok($$select cogo_api.request_begin('{"trace_id":"t2"}')$$, 'CG000');
select throws_ok($$select cogo_api.request_begin('{"trace_id":"spaces are out","function":"chat","principal":"x"}')$$, 'CG000');
