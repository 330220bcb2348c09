-- cogo.broadcast: sends one message on a private Realtime topic, where Realtime exists. A broadcast is a hint: whatever goes wrong
-- in it is swallowed, so that it never undoes the change it tells of. Returns whether it was handed over.
create function cogo.broadcast(topic text, event text, payload jsonb)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  if to_regprocedure('realtime.send(jsonb,text,text,boolean)') is null then
    return false;
  end if;
  perform realtime.send(broadcast.payload, broadcast.event, broadcast.topic, true);
  return true;
exception when others then
  return false;
end
$$;
