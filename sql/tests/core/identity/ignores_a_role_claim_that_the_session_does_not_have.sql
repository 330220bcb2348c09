select set_config('request.jwt.claims', '{"role":"service_role"}', true);
select set_config('role', 'authenticated', true);
-- read while the role is set, compared after: pgTAP's tables belong to the superuser
select set_config('tests.kind', coalesce(cogo_api.whoami() ->> 'kind', '?'), true);
select set_config('role', 'none', true);
select is(current_setting('tests.kind'), 'anon', 'SET ROLE decides, not the claim');
