-- Private Realtime topics are rows of realtime.messages; these two policies decide who joins and who sends.
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text) to anon, authenticated, service_role;

do $$
begin
  if to_regclass('realtime.messages') is null or to_regprocedure('realtime.topic()') is null then
    return;
  end if;
  execute 'drop policy if exists cogo_topics_read on realtime.messages';
  execute 'drop policy if exists cogo_topics_write on realtime.messages';
  execute 'create policy cogo_topics_read on realtime.messages for select to anon, authenticated
             using (cogo.can_read_topic((select realtime.topic())))';
  execute 'create policy cogo_topics_write on realtime.messages for insert to anon, authenticated
             with check (cogo.can_write_topic((select realtime.topic())))';
end
$$;
