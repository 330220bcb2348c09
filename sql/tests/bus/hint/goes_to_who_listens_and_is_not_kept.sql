-- a notification can't be seen here: one that is too long for it is sent as a row instead
select cogo.hint('agents:a', 'wake', jsonb_build_object('fill', repeat('x', 9000)));
select is((select count(*) from realtime.messages), 0::bigint, 'nobody listens: nothing is sent');
select realtime.cogo_listen('00000000-0000-4000-8000-000000000001', array['agents:a', 'agents:a']);
select cogo.hint('agents:a', 'wake', '{"short": true}');
select is((select count(*) from realtime.messages), 0::bigint, 'a short one is not kept');
select cogo.hint('agents:a', 'wake', jsonb_build_object('fill', repeat('x', 9000)));
select cogo.hint('agents:b', 'wake', jsonb_build_object('fill', repeat('x', 9000)));
select is((select array_agg(topic) from realtime.messages), array['agents:a'], 'a long one is, on the topic with ears only');
update realtime.cogo_ears set heard_at = clock_timestamp() - interval '3 minutes';
select cogo.hint('agents:a', 'wake', jsonb_build_object('fill', repeat('x', 9000)));
select is((select count(*) from realtime.messages), 1::bigint, 'an ear that is silent for long is gone');
