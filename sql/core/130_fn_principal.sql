-- cogo.principal: the caller as one string (service, anon, user:<uuid>, token:<uuid>, worker:<uuid>), to compare owners with.
create function cogo.principal()
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
  select case i.kind
           when 'user' then 'user:' || i.user_id
           when 'token' then 'token:' || i.token_id
           when 'worker' then 'worker:' || i.token_id
           else i.kind
         end
    from cogo.identity() i);
end
$$;
