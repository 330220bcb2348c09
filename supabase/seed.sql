-- For `supabase db reset` and a first look around: one public project to read without signing in. Safe to run again.
select cogo_api.create_project('Demo', 'demo', 'public');
