-- cogo.fail: raises one of COGO's own errors. SQLSTATE class CG; packages/spec holds the table that maps states to HTTP.
-- message: what happened and why; hint: what to do; detail: JSON for programs.
create function cogo.fail(state text, message text, detail jsonb default null, hint text default null)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception using
    errcode = fail.state,
    message = fail.message,
    detail = coalesce(fail.detail::text, ''),
    hint = coalesce(fail.hint, '');
end
$$;
