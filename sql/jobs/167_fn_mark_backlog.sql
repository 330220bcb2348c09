-- cogo.mark_backlog: notes that jobs of the lanes wait for their turn; written once, sweep takes it back when none do.
create function cogo.mark_backlog(names text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  update cogo.lanes l set backlog = true
   where l.name in (select x.name from cogo.lanes x where x.name = any (names) and not x.backlog order by x.name for update);
end
$$;
