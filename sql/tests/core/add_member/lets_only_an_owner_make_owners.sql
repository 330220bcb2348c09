select as_user(alice());
select note('p', cogo_api.create_project('P') -> 'id');
select cogo_api.add_member(noted_id('p'), bob(), 'admin');
select as_user(bob());
select lives_ok($$select cogo_api.add_member(noted_id('p'), gen_random_uuid(), 'editor')$$);
select throws_ok($$select cogo_api.add_member(noted_id('p'), gen_random_uuid(), 'owner')$$, 'CG002');
select throws_ok($$select cogo_api.add_member(noted_id('p'), bob(), 'owner')$$, 'CG002', null, 'nor itself');
select throws_ok($$select cogo_api.add_member(noted_id('p'), alice(), 'viewer')$$, 'CG002', null, 'nor lower one');
