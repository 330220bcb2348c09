-- The gateway writes storage rows as the caller, under row level security; without these grants nobody could.
do $$
begin
  if to_regclass('storage.objects') is null then
    return;
  end if;
  grant usage on schema storage to anon, authenticated, service_role;
  grant all on storage.objects, storage.buckets to anon, authenticated, service_role;
end
$$;
