import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFailures } from './frames.ts';

type Row = [
  file: string | null,
  line: number | null,
  column: number | null,
  test: string | null,
  message: RegExp,
];

function reads(tool: string, output: string, rows: Row[]): void {
  const got = readFailures(output, '/workspace');
  assert.equal(got.tool, tool, JSON.stringify(got));
  assert.deepEqual(
    got.frames.map(({ file, line, column, test: name }) => [file, line, column, name]),
    rows.map((row) => row.slice(0, 4)),
  );
  for (const [i, row] of rows.entries()) assert.match(got.frames[i]!.message, row[4]);
}

test('node:test as TAP: the test with its suite, the place in the repository, the message', () => {
  reads(
    'node:test',
    `TAP version 13
# Subtest: a.test.mjs
    # Subtest: math
        # Subtest: adds
        not ok 1 - adds
          ---
          duration_ms: 1.3
          location: '/workspace/a b.test.mjs:3:26'
          failureType: 'testCodeFailure'
          error: |-
            Expected values to be strictly equal:

            1 !== 2

          code: 'ERR_ASSERTION'
          stack: |-
            TestContext.<anonymous> (file:///workspace/a%20b.test.mjs:3:54)
            Test.runInAsyncScope (node:async_hooks:206:9)
          ...
        # Subtest: skipped
        not ok 2 - skipped # TODO later
          ---
          duration_ms: 1
          ...
        1..2
    not ok 1 - math
      ---
      failureType: 'subtestsFailed'
      error: '1 subtest failed'
      ...
    # Subtest: throws
    not ok 2 - throws
      ---
      location: '/workspace/a.test.mjs:4:1'
      failureType: 'testCodeFailure'
      error: 'boom'
      ...
not ok 1 - a.test.mjs
  ---
  failureType: 'subtestsFailed'
  ...
`,
    [
      [
        'a b.test.mjs',
        3,
        54,
        'a.test.mjs > math > adds',
        /^Expected values to be strictly equal:\n\n1 !== 2$/,
      ],
      ['a.test.mjs', 4, 1, 'a.test.mjs > throws', /^boom$/],
    ],
  );
});

test('node:test as spec: only the list of failures at the end is read', () => {
  reads(
    'node:test',
    `▶ math
  ✖ adds (1.312009ms)
    AssertionError [ERR_ASSERTION]: 1 == 2
        at TestContext.<anonymous> (file:///workspace/a.test.mjs:3:54)
✖ failing tests:

test at a.test.mjs:3:26
✖ adds (1.312009ms)
  AssertionError [ERR_ASSERTION]: 1 == 2
      at Test.run (node:internal/test_runner/test:796:25)
      at TestContext.<anonymous> (file:///workspace/a.test.mjs:3:54) {
    code: 'ERR_ASSERTION',
  }

test at sub/b.test.mjs:9:1
✖ throws (0.08ms)
  TypeError [Error]: boom
      at Object.thing (/workspace/node_modules/dep/index.js:1:1)
      at TestContext.<anonymous> (/workspace/sub/b.test.mjs:10:30)
`,
    [
      ['a.test.mjs', 3, 26, 'adds', /^AssertionError \[ERR_ASSERTION\]: 1 == 2$/],
      ['sub/b.test.mjs', 10, 30, 'throws', /^TypeError \[Error\]: boom$/],
    ],
  );
});

test('vitest', () => {
  reads(
    'vitest',
    `\u001b[31m❯\u001b[39m src/a.test.ts (2 tests | 1 failed) 8ms
⎯⎯⎯⎯⎯⎯⎯ Failed Tests 1 ⎯⎯⎯⎯⎯⎯⎯

\u001b[41m FAIL \u001b[49m src/a.test.ts > math > adds
AssertionError: expected 1 to be 2 // Object.is equality

- Expected
+ Received

- 2
+ 1

 ❯ check node_modules/dep/x.js:1:1
 ❯ src/a.test.ts:5:15
      3| describe('math', () => {
⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯[1/1]⎯

 Test Files  1 failed (1)
`.replace(' FAIL \u001b[49m ', ' FAIL \u001b[49m '),
    [['src/a.test.ts', 5, 15, 'math > adds', /^AssertionError: expected 1 to be 2/]],
  );
});

test('jest', () => {
  reads(
    'jest',
    `PASS src/ok.test.js
FAIL src/a.test.js
  ● Console

    console.log noise

  ● math › adds

    expect(received).toBe(expected) // Object.is equality

    Expected: 2
    Received: 1

      3 | test('adds', () => {
    > 4 |   expect(1).toBe(2);
        |             ^
      at Object.toBe (src/a.test.js:4:13)
      at Promise.then.completed (node_modules/jest-circus/build/utils.js:298:28)

  ● Test suite failed to run

    Cannot find module './none' from 'src/b.test.js'

Test Suites: 1 failed, 1 passed, 2 total
`,
    [
      [
        'src/a.test.js',
        4,
        13,
        'math > adds',
        /^expect\(received\)\.toBe\(expected\).*\n\nExpected: 2\nReceived: 1$/,
      ],
      ['src/a.test.js', null, null, 'Test suite failed to run', /Cannot find module/],
    ],
  );
});

test('pytest: the innermost place of the repository and the lines marked E', () => {
  reads(
    'pytest',
    `F                                                                        [100%]
=================================== FAILURES ===================================
________________________________ TestA.test_add ________________________________

self = <test_a.TestA object at 0x7f9007f86650>

    def test_add(self):
>       helper(1)

test_a.py:7: 
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ 

    def helper(v):
>       assert v == 2, "no"
E       AssertionError: no
E       assert 1 == 2

lib/help.py:3: AssertionError
____________________ ERROR collecting test_b.py ____________________
E   ModuleNotFoundError: No module named 'none'
=========================== short test summary info ============================
FAILED test_a.py::TestA::test_add - AssertionError: no
1 failed in 0.02s
`,
    [
      ['lib/help.py', 3, null, 'TestA.test_add', /^AssertionError: no\nassert 1 == 2$/],
      [null, null, null, 'test_b.py', /ModuleNotFoundError/],
    ],
  );
  reads('pytest', '=========== short test summary info ============\nFAILED tests/a.py::A::b - assert 0\n', [
    ['tests/a.py', null, null, 'A > b', /^assert 0$/],
  ]);
});

test('go test: failures, a panic in the repository’s own code, errors of the compiler', () => {
  reads(
    'go test',
    `--- FAIL: TestAdd (0.00s)
    --- FAIL: TestAdd/sub (0.00s)
        a_test.go:4: expected 2, got 1
            second line
--- FAIL: TestPanic (0.00s)
panic: assignment to entry in nil map [recovered, repanicked]

goroutine 20 [running]:
testing.tRunner.func1.2({0x55a7a0, 0x6cae70})
\t/usr/local/go/src/testing/testing.go:1974 +0x232
example.com/x.TestPanic(0x1d8dfe7de6c8?)
\t/workspace/a_test.go:6 +0x28
FAIL\texample.com/x\t0.005s
FAIL
`,
    [
      ['a_test.go', 4, null, 'TestAdd/sub', /^expected 2, got 1\nsecond line$/],
      ['a_test.go', 6, null, 'TestPanic', /^panic: assignment to entry in nil map/],
    ],
  );
  reads('go test', '# example.com/x\n./a.go:3:5: undefined: y\nFAIL\texample.com/x [build failed]\n', [
    ['a.go', 3, 5, null, /^undefined: y$/],
  ]);
  reads('go test', '--- FAIL: TestSilent (0.00s)\nFAIL\nFAIL\tx\t0.1s\n', [
    [null, null, null, 'TestSilent', /failed/],
  ]);
});

test('cargo: errors of the compiler and panics of tests, in both forms', () => {
  reads(
    'cargo',
    `error[E0308]: mismatched types
 --> src/lib.rs:1:23
  |
1 | pub fn add() -> i32 { "a" }
error: could not compile \`r\` (lib) due to 1 previous error
`,
    [['src/lib.rs', 1, 23, null, /^E0308: mismatched types$/]],
  );
  reads(
    'cargo',
    `---- tests::adds stdout ----

thread 'tests::adds' (10816) panicked at src/lib.rs:2:46:
assertion \`left == right\` failed
  left: 1
 right: 2
stack backtrace:
   0: __rustc::rust_begin_unwind
thread 'tests::old' panicked at 'no: 1', src/lib.rs:8:9
note: run with RUST_BACKTRACE=1
error: test failed, to rerun pass \`--lib\`
`,
    [
      ['src/lib.rs', 2, 46, 'tests::adds', /^assertion `left == right` failed\n {2}left: 1\n right: 2$/],
      ['src/lib.rs', 8, 9, 'tests::old', /^no: 1$/],
    ],
  );
});

test('tsc, plain and pretty', () => {
  reads('tsc', `src/a.ts(1,7): error TS2322: Type 'string' is not assignable.\n`, [
    ['src/a.ts', 1, 7, 'TS2322', /^TS2322: Type 'string'/],
  ]);
  reads(
    'tsc',
    `\u001b[96msrc/a.ts\u001b[0m:\u001b[93m1\u001b[0m:\u001b[93m7\u001b[0m - \u001b[91merror\u001b[0m\u001b[90m TS2322: \u001b[0mNo.\n`,
    [['src/a.ts', 1, 7, 'TS2322', /^TS2322: No\.$/]],
  );
});

test('biome and eslint: rules with their places, warnings of eslint left out', () => {
  reads(
    'biome',
    `src/a.ts:3:5 lint/suspicious/noDebugger  FIXABLE  ━━━━━━━━━━━━━━━

  × This is an unexpected use of the debugger statement.

src/b.ts format ━━━━━━━━━━━━━━━━━━━━━

  × Formatter would have printed the following content:
`,
    [
      ['src/a.ts', 3, 5, 'lint/suspicious/noDebugger', /^This is an unexpected use/],
      ['src/b.ts', null, null, 'format', /^Formatter would have/],
    ],
  );
  reads(
    'eslint',
    `
/workspace/src/a.js
  3:5   error    'x' is defined but never used  no-unused-vars
  4:1   warning  Unexpected console statement   no-console

✖ 2 problems (1 error, 1 warning)
`,
    [['src/a.js', 3, 5, 'no-unused-vars', /^'x' is defined but never used$/]],
  );
});

test('bare stack traces: the first place of the repository, not of the runtime', () => {
  reads(
    'stack trace',
    `/workspace/e.cjs:1
x.y.z();
    ^

TypeError: Cannot read properties of undefined (reading 'z')
    at dep (/workspace/node_modules/dep/i.js:1:1)
    at Object.<anonymous> (/workspace/e.cjs:1:18)
    at Module._compile (node:internal/modules/cjs/loader:1521:14)

Node.js v20.20.2
`,
    [['e.cjs', 1, 18, null, /^TypeError: Cannot read properties/]],
  );
  reads(
    'stack trace',
    `/workspace/s.cjs:4
const const
      ^^^^^

SyntaxError: Unexpected token 'const'
    at wrapSafe (node:internal/modules/cjs/loader:1464:18)
`,
    [['s.cjs', 4, null, null, /^SyntaxError/]],
  );
  reads(
    'stack trace',
    `Traceback (most recent call last):
  File "/workspace/a.py", line 3, in <module>
    f()
  File "/usr/lib/python3.11/json/__init__.py", line 2, in f
ValueError: bad
`,
    [['a.py', 3, null, null, /^ValueError: bad$/]],
  );
});

test('places as compilers print them', () => {
  reads('compiler', 'src/bad.ts:2:10: Unexpected token\nsrc/a.c:1:2: warning: w\nsrc/a.c:3:1: error: no\n', [
    ['src/bad.ts', 2, 10, null, /^Unexpected token$/],
    ['src/a.c', 3, 1, null, /^no$/],
  ]);
});

test('what no tool printed has no frames, and hostile output costs no time', () => {
  assert.deepEqual(readFailures('all is well\n', '/workspace'), { tool: null, frames: [] });
  assert.deepEqual(readFailures('', '/workspace'), { tool: null, frames: [] });
  for (const line of [
    '_____ x _____',
    ' FAIL  a > b',
    '  ● a',
    '--- FAIL: A',
    'not ok 1 - x',
    '(((((((((((',
  ]) {
    const text = `TAP version 13\n=== FAILURES ===\n${`${line}\n`.repeat(40_000)}${'at (a:'.repeat(100_000)}`;
    const before = process.cpuUsage();
    readFailures(text, '/workspace');
    const { user } = process.cpuUsage(before);
    assert.ok(user < 5_000_000, `${line}: ${user} µs`);
  }
});
