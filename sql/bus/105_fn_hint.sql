-- cogo.hint: tells who listens on a private Realtime topic right now; nothing is kept. For topics whose truth is in tables of their
-- own (jobs:{id}, agents:{executor}). Where Realtime has no such messages, as on Supabase, it is a broadcast. Never fails its caller.
create function cogo.hint(topic text, event text, payload jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  if to_regprocedure('realtime.cogo_hint(jsonb,text,text)') is not null then
    perform realtime.cogo_hint(hint.payload, hint.event, hint.topic);
  else
    perform cogo.broadcast(hint.topic, hint.event, hint.payload);
  end if;
end
$$;
