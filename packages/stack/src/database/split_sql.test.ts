import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitSql } from './split_sql.ts';

const CASES: { name: string; script: string; texts: string[]; lines?: number[] }[] = [
  {
    name: 'splits at semicolons',
    script: 'select 1;\nselect 2;\n',
    texts: ['select 1', 'select 2'],
    lines: [1, 2],
  },
  {
    name: 'keeps a last statement without semicolon',
    script: 'select 1;\nselect 2',
    texts: ['select 1', 'select 2'],
  },
  { name: 'leaves out what is only comments', script: '-- a;\n/* b; /* c; */ d; */\n;;', texts: [] },
  {
    name: 'numbers the first word, not the comment before it',
    script: '-- why\n\nselect 1',
    texts: ['-- why\n\nselect 1'],
    lines: [3],
  },
  {
    name: 'does not split inside quotes',
    script: `select ';''; "', ";""";`,
    texts: [`select ';''; "', ";"""`],
  },
  {
    name: 'knows backslashes in escape strings only',
    script: `select E'\\';', '\\';select 2`,
    texts: [`select E'\\';', '\\'`, 'select 2'],
  },
  {
    name: 'does not split inside dollar quotes',
    script: 'do $$ a; $x$ $$; do $x$ ; $$ ; $x$;',
    texts: ['do $$ a; $x$ $$', 'do $x$ ; $$ ; $x$'],
  },
  {
    name: 'takes $1 for a parameter, not a quote',
    script: 'prepare p as select $1; select $2;',
    texts: ['prepare p as select $1', 'select $2'],
  },
  {
    name: 'keeps a begin atomic body together',
    script:
      'create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3;',
    texts: [
      'create function f() returns int begin atomic select case when true then 1 end; select 2; end',
      'select 3',
    ],
  },
  {
    name: 'splits transaction control',
    script: 'begin; select 1; end;',
    texts: ['begin', 'select 1', 'end'],
  },
];

for (const { name, script, texts, lines } of CASES) {
  test(`the splitter ${name}`, () => {
    const statements = splitSql(script);
    assert.deepEqual(
      statements.map((s) => s.text),
      texts,
    );
    if (lines) {
      assert.deepEqual(
        statements.map((s) => s.line),
        lines,
      );
    }
  });
}
