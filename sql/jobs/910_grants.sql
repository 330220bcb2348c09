-- Nothing in cogo is for the API roles but the functions that policies on realtime.messages and storage.objects
-- call. Every migration that adds functions runs this again.
revoke all on all tables in schema cogo from public, anon, authenticated, service_role;
revoke all on all sequences in schema cogo from public, anon, authenticated, service_role;
revoke all on all functions in schema cogo from public, anon, authenticated, service_role;
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text), cogo.can_read_artifact(text),
  cogo.can_write_artifact(text) to anon, authenticated, service_role;
