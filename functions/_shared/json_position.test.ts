import assert from 'node:assert/strict';
import { jsonErrorOffset, lineAndColumn } from './json_position.ts';

const cases: [string, number][] = [
  ['', 0],
  ['{', 1],
  ['{"a":1,}', 7],
  ['[1,2', 4],
  ['[1 2]', 3],
  ['{"a" 1}', 5],
  ['{a:1}', 1],
  ['tru', 3],
  ['nulx', 3],
  ['01', 1],
  ['-', 1],
  ['1.', 2],
  ['1e', 2],
  ['"abc', 4],
  ['"a\\x"', 3],
  ['"a\\u12g4"', 6],
  ['"a\nb"', 2],
  ['{"a":1} x', 8],
  ["{'a':1}", 1],
  ['{"a":undefined}', 5],
  ['[1,,2]', 3],
  ['NaN', 0],
];

for (const [text, offset] of cases) {
  Deno.test(`the error of ${JSON.stringify(text)} is at ${offset}`, () => {
    assert.throws(() => JSON.parse(text));
    assert.equal(jsonErrorOffset(text), offset);
  });
}

Deno.test('every prefix of a text goes wrong at its end, and the whole is read to its end', () => {
  const text = '{"a": [1, -2.5e+10, true, false, null, "q\\"\\u00e9\\n"], "b": {"c": {}}, "d": []}';
  for (let length = 0; length < text.length; length++)
    assert.equal(jsonErrorOffset(text.slice(0, length)), length);
  assert.equal(jsonErrorOffset(text), text.length);
});

Deno.test('depth costs no stack', () => {
  assert.equal(jsonErrorOffset('['.repeat(200_000)), 200_000);
});

Deno.test('a position is told as line and column from 1', () => {
  assert.deepEqual(lineAndColumn('ab\ncd', 0), { line: 1, column: 1 });
  assert.deepEqual(lineAndColumn('ab\ncd', 4), { line: 2, column: 2 });
});

Deno.test('it agrees with JSON.parse on texts with something changed', () => {
  const text = '{"a": [1, -2.5e+10, true, null, "q\\"\\u00e9"], "b": {"c": {}}, "d": [[]]}';
  const alphabet = '{}[]",:0-.eE\\utfn \n\u0001x';
  let seed = 7;
  const next = (limit: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % limit;
  };
  for (let round = 0; round < 5000; round++) {
    const at = next(text.length);
    const changed = text.slice(0, at) + alphabet[next(alphabet.length)] + text.slice(at + next(3));
    const offset = jsonErrorOffset(changed);
    let parses = true;
    try {
      JSON.parse(changed);
    } catch {
      parses = false;
    }
    if (parses) assert.equal(offset, changed.length, changed);
    // Up to the error the text could still have become JSON.
    else assert.equal(jsonErrorOffset(changed.slice(0, offset)), offset, changed);
    if (offset < changed.length) assert.equal(parses, false, changed);
  }
});
