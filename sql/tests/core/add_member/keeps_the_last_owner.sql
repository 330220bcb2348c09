select as_user(alice());
select note('p', cogo_api.create_project('P') -> 'id');
select throws_ok($$select cogo_api.add_member(noted_id('p'), alice(), 'viewer')$$, 'CG022');
select throws_ok($$select cogo_api.remove_member(noted_id('p'), alice())$$, 'CG022');
select cogo_api.add_member(noted_id('p'), bob(), 'owner');
select lives_ok($$select cogo_api.remove_member(noted_id('p'), alice())$$, 'with another owner there it may go');
select throws_ok($$select cogo_api.get_project(noted('p') #>> '{}')$$, 'CG003', null, 'and sees the project no more');
