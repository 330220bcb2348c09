-- cogo.heard: those of the private Realtime topics on which somebody may be listening right now, in the same order. All of them where that is not known,
-- as on Supabase; none where there is no Realtime.
create function cogo.heard(topics text[])
returns text[]
language plpgsql
stable
set search_path = ''
as $$
begin
  if to_regclass('realtime.cogo_ears') is not null then
    return array(
      select t.topic from unnest(topics) with ordinality t(topic, nth)
       where exists (select from realtime.cogo_ears e where e.topic = t.topic and e.heard_at > clock_timestamp() - interval '2 minutes')
       order by t.nth);
  elsif to_regprocedure('realtime.send(jsonb,text,text,boolean)') is not null then
    return topics;
  end if;
  return '{}';
end
$$;
