-- cogo.source_key: what a file and its tests have in common, so that one is found by the other: its path without extension, folders of tests
-- and of sources, and the marks of a test. a/b.test.ts, a/__tests__/b.spec.ts and tests/a/test_b.py have the key a/b.
create function cogo.source_key(path text)
returns text
language sql
immutable
set search_path = ''
as $$
  select regexp_replace(regexp_replace(regexp_replace(regexp_replace(path,
           '\.[^./]+$', ''),
           '(^|/)(__tests__|tests?|spec|src|lib)(?=/)', '\1', 'g'),
           '^/+|/+(?=/)', '', 'g'),
           '(^|/)test_([^/]*)$|[._-](test|spec)s?$', '\1\2')
$$;
