select note('p', to_jsonb(project('P')));
select cogo_api.add_member(noted_id('p'), alice(), 'viewer');
select cogo_api.add_member(noted_id('p'), bob(), 'owner');
select as_user(alice());
select note('s', cogo_api.chat_begin(noted_id('p'), null, 't1', '[{"role":"user","content":"first"}]', 'm'));
select is(noted('s') -> 'history', '[]'::jsonb);
select cogo_api.chat_end((noted('s') ->> 'session_id')::uuid, 't1', '{"text":"answer","citations":[]}', '{"provider":"cogo-embedded","model":"m","input_tokens":3,"output_tokens":4,"cost_usd":0}');
select is(cogo_api.chat_begin(noted_id('p'), (noted('s') ->> 'session_id')::uuid, 't2',
  '[{"role":"user","content":"first"},{"role":"assistant","content":"answer"},{"role":"user","content":"second"}]', 'm') -> 'history',
  '[{"role":"user","content":"first"},{"role":"assistant","content":"answer"}]'::jsonb);
select is((select array_agg(content order by id) from cogo.chat_messages), array['first', 'answer', 'second'], 'what it knows is not stored twice');
select as_user(bob());
select throws_ok($$select cogo_api.chat_begin(noted_id('p'), (noted('s') ->> 'session_id')::uuid, 't', '[{"role":"user","content":"x"}]', 'm')$$, 'CG003', null, 'not even an owner of the project reads it');
select throws_ok($$select cogo_api.chat_history((noted('s') ->> 'session_id')::uuid)$$, 'CG003');
select throws_ok($$select cogo_api.chat_begin(noted_id('p'), null, 't', '[]', 'm')$$, 'CG004');
select throws_ok($$select cogo_api.chat_begin(noted_id('p'), null, 't', '[{"role":"user"}]', 'm')$$, 'CG004');
