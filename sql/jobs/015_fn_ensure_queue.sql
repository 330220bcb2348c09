-- cogo.ensure_queue: makes the pgmq queue where its table is not there. Queue tables belong to the extension in pgmq 1.5.1, so a
-- logical dump or a branch can come back without them. The index on vt goes: no statement of pgmq or ours reads by it (both walk
-- msg_id), and each message would write it.
create function cogo.ensure_queue(queue text)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if to_regclass(format('pgmq.%I', 'q_' || queue)) is not null then
    return false;
  end if;
  perform pgmq.create(queue);
  execute format('drop index if exists pgmq.%I', 'q_' || queue || '_vt_idx');
  return true;
end
$$;
