-- The bucket of artifacts and of payloads too large for a row: private; objects are made and read, never changed.
do $$
begin
  if to_regclass('storage.objects') is null or to_regclass('storage.buckets') is null then
    return;
  end if;
  insert into storage.buckets (id, name, public) values ('cogo-artifacts', 'cogo-artifacts', false) on conflict do nothing;
  execute 'drop policy if exists cogo_artifacts_read on storage.objects';
  execute 'drop policy if exists cogo_artifacts_write on storage.objects';
  execute 'create policy cogo_artifacts_read on storage.objects for select to anon, authenticated
             using (bucket_id = ''cogo-artifacts'' and cogo.can_read_artifact(name))';
  execute 'create policy cogo_artifacts_write on storage.objects for insert to anon, authenticated
             with check (bucket_id = ''cogo-artifacts'' and cogo.can_write_artifact(name))';
end
$$;
