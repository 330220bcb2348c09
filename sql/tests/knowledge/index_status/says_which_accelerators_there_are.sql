select note('p', to_jsonb(project('P')));
select is(cogo_api.index_status(noted_id('p')) #>> array['accelerators', name],
          case when exists (select from pg_extension where extname = name) then 'installed'
               when exists (select from pg_available_extensions a where a.name = w.name) then 'available' else 'absent' end, name)
  from (values ('pg_textsearch'), ('pgroonga')) w(name);
