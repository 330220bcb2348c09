-- cogo.require_service: raises unless the caller is the server itself (secret key, or no request context).
create function cogo.require_service()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if (cogo.identity()).kind <> 'service' then
    perform cogo.fail('CG002', 'only the server may call this', null, 'Call it with the secret key');
  end if;
end
$$;
