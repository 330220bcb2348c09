import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OutputFormat } from '../toolchain.ts';
import { readFindings } from './findings.ts';

test('the forms of tools that print one line for each problem', () => {
  const table: [OutputFormat, string, (string | number | null)[]][] = [
    [
      'short',
      'src/lib.rs:1:23: error[E0308]: mismatched types',
      ['E0308', 'error', 'src/lib.rs', 1, 23, 'mismatched types'],
    ],
    [
      'short',
      'src/lib.rs:2:1: warning: unused variable',
      [null, 'warning', 'src/lib.rs', 2, 1, 'unused variable'],
    ],
    [
      'short',
      'a.py:3:5: error: Incompatible types  [assignment]',
      ['assignment', 'error', 'a.py', 3, 5, 'Incompatible types'],
    ],
    ['short', 'a.py:3: note: See docs', [null, 'note', 'a.py', 3, null, 'See docs']],
    [
      'short',
      '  /workspace/a.py:3:5 - error: "x" is unknown (reportMissing)',
      ['reportMissing', 'error', 'a.py', 3, 5, '"x" is unknown'],
    ],
    [
      'deno',
      'file:///workspace/a%20b.ts: line 1, col 7 - `x` is never used (no-unused-vars)',
      ['no-unused-vars', 'error', 'a b.ts', 1, 7, '`x` is never used'],
    ],
    [
      'ruff-json',
      'note\n[{"code":"F401","filename":"/workspace/a.py","location":{"row":1,"column":8},"message":"unused"}]\n',
      ['F401', 'error', 'a.py', 1, 8, 'unused'],
    ],
    ['github', '::notice title=r,file=a.ts,line=0,col=x::m', ['r', 'note', 'a.ts', null, null, 'm']],
    ['failures', 'src/a.ts(1,7): error TS2322: No.', ['TS2322', 'error', 'src/a.ts', 1, 7, 'TS2322: No.']],
  ];
  for (const [format, text, want] of table) {
    const said = { stdout: text, all: text, failed: true, why: null };
    const got = readFindings({ tool: 't', format, name: 's' }, said, '/workspace');
    assert.deepEqual(
      got.map(({ rule, level, file, line, column, message }) => [rule, level, file, line, column, message]),
      [want],
      text,
    );
  }
});

test('output that is broken or unknown gives one finding when the check failed, none when it passed', () => {
  for (const format of ['eslint-json', 'ruff-json', 'github', 'short', 'deno', 'failures'] as const) {
    for (const text of ['', '[', '[1, null, "x"]', '{"a":1}', 'rubbish ]]', '::error', '[{"messages":7}]']) {
      const read = (failed: boolean) =>
        readFindings({ tool: 't', format, name: 's' }, { stdout: text, all: text, failed, why: null }, '/w');
      assert.equal(read(true).length, 1, `${format} ${text}`);
      assert.ok(read(false).length <= 1);
    }
  }
});
