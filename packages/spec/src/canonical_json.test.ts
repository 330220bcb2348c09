import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson } from './canonical_json.ts';
import { equalSecrets, hmacSha256Hex, sha256Hex } from './sha256.ts';

const cases: [string, unknown, string][] = [
  [
    'members are sorted by UTF-16 units',
    { b: 1, a: 2, A: 3, '€': 4, '\ud83d\ude00': 5, '\ufb33': 6 },
    '{"A":3,"a":2,"b":1,"€":4,"😀":5,"\ufb33":6}',
  ],
  ['nested values are canonical too', [{ z: [], a: {} }, null, true], '[{"a":{},"z":[]},null,true]'],
  [
    'numbers are as ECMAScript prints them',
    [1.0, 1e21, 1e-7, -0, 333333333.3333333, 4.5],
    '[1,1e+21,1e-7,0,333333333.3333333,4.5]',
  ],
  ['strings are escaped as little as possible', '€$\u000f\nA\'B"\\/', '"€$\\u000f\\nA\'B\\"\\\\/"'],
  [
    'an undefined member is absent and an undefined item null',
    { a: undefined, b: [undefined] },
    '{"b":[null]}',
  ],
  ['a member called __proto__ is a member', JSON.parse('{"__proto__":1}'), '{"__proto__":1}'],
];
for (const [name, value, text] of cases)
  test(`canonical JSON: ${name}`, () => assert.equal(canonicalJson(value), text));

test('what is no JSON is refused', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, cycle]) {
    assert.throws(() => canonicalJson(value), TypeError);
  }
});

test('the same object twice is no cycle', () => {
  const shared = { a: 1 };
  assert.equal(canonicalJson([shared, shared]), '[{"a":1},{"a":1}]');
});

test('sha256 and hmac give the published values', async () => {
  assert.equal(await sha256Hex('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.equal(
    await sha256Hex(new Uint8Array()),
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
  // RFC 4231, test case 2
  assert.equal(
    await hmacSha256Hex('Jefe', 'what do ya want for nothing?'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
});

test('secrets are equal only when every character is', async () => {
  assert.ok(await equalSecrets('abc', 'abc'));
  for (const [a, b] of [
    ['abc', 'abd'],
    ['abc', 'ab'],
    ['', 'a'],
    ['abc', 'ABC'],
  ] as const) {
    assert.equal(await equalSecrets(a, b), false);
  }
});
