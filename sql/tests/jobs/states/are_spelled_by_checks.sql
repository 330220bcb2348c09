select note('p', to_jsonb(project('P')));
select note('j', to_jsonb(job(noted_id('p'))));
select throws_ok($$update cogo.jobs set state = 'running'$$, '23514');
select throws_ok($$update cogo.jobs set state = 'asleep'$$, '23514');
select throws_ok($$update cogo.jobs set msg_id = null$$, '23514');
select throws_ok($$update cogo.jobs set state = 'succeeded', msg_id = null$$, '23514', null, 'an end has a time');
select throws_ok($$update cogo.jobs set state = 'blocked', msg_id = null$$, '23514', null, 'blocked needs a key');
select throws_ok($$update cogo.jobs set finished_at = now()$$, '23514');
select throws_ok($$update cogo.jobs set state = 'blocked', blocked_on = 'slot', msg_id = null$$, '23514', null, 'a slot is of a key');
select throws_ok($$update cogo.jobs set state = 'blocked', blocked_on = 'weather', msg_id = null$$, '23514');
select throws_ok($$update cogo.jobs set lease_token = 1, lease_until = now()$$, '23514', null, 'a queued job has no lease');
select throws_ok($$update cogo.jobs set state = 'running', msg_id = null, lease_token = 1, lease_until = now(), lease_s = 30$$, '23514', null,
  'a running job has an executor');
select throws_ok($$update cogo.jobs set state = 'cancelled', finished_at = now()$$, '23514', null, 'what is over has no message');
select throws_ok($$update cogo.jobs set pinned_executor_id = 'one'$$, '23514', null, 'a pinned job has no message');
select throws_ok($$update cogo.jobs set failures = -1$$, '23514');
select throws_ok($$update cogo.jobs set max_attempts = 51$$, '23514');
select is((select count(*)::int from pg_constraint where conrelid = 'cogo.jobs'::regclass and contype = 'c'), 1,
  'one check: each is parsed by every statement that writes');
select throws_ok($$update cogo.job_slots set used = 2$$, null, null, 'no more slots than there are') where exists (select from cogo.job_slots);
select lives_ok($$update cogo.jobs set state = 'scheduled', msg_id = null$$);
