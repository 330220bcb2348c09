select cogo_api.request_begin('{"trace_id":"t1","function":"chat","principal":"user:a"}');
select is(cogo_api.request_begin('{"trace_id":"t1","function":"rag","principal":"user:a"}') #>> '{trace,trace_id}', 't1', 'the same caller goes on');
select note('r', cogo_api.request_begin('{"trace_id":"t1","function":"chat","principal":"user:b"}'));
select isnt(noted('r') #>> '{trace,trace_id}', 't1');
select is(noted('r') #>> '{trace,renamed}', 'true');
select is((select principal from cogo.traces where trace_id = 't1'), 'user:a', 'whose trace it was, it stays');
