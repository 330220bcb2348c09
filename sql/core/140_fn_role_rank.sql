-- cogo.role_rank: viewer 1 < editor 2 < admin 3 < owner 4; null for anything else.
create function cogo.role_rank(role text)
returns int
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
begin
  -- a function of language sql would be parsed anew by every call
  return case role when 'viewer' then 1 when 'editor' then 2 when 'admin' then 3 when 'owner' then 4 end;
end
$$;
