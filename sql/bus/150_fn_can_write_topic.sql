-- cogo.can_write_topic: whether the caller may send on a Realtime topic: the server, and a worker on the topic of an executor of
-- its own (presence). Everything else is sent by the database.
create function cogo.can_write_topic(topic text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  kind text := (cogo.identity()).kind;
begin
  return kind = 'service'
    or (kind = 'worker' and split_part(topic, ':', 1) = 'agents' and cogo.can_read_topic(topic));
exception when sqlstate 'CG001' then
  return false;
end
$$;
