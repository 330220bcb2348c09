import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainFailure } from './data_api_rpc.ts';
import { buildCall, chooseSignature, decodeRows, type Signature } from './sql_call.ts';

const SIGNATURES: Signature[] = [
  {
    name: 'f',
    set: false,
    args: [
      { name: 'id', type: 'uuid', optional: false },
      { name: 'lim', type: 'integer', optional: true },
    ],
  },
  { name: 'f', set: false, args: [{ name: 'slug', type: 'text', optional: false }] },
  {
    name: 'g',
    set: true,
    args: [
      { name: 'body', type: 'jsonb', optional: false },
      { name: 'paths', type: 'text[]', optional: true },
    ],
  },
];

test('the overload is chosen by the names given, and none when a needed one is missing or one is unknown', () => {
  assert.equal(chooseSignature(SIGNATURES, 'f', { id: 'x' }), SIGNATURES[0]);
  assert.equal(chooseSignature(SIGNATURES, 'f', { slug: 'x', lim: undefined }), SIGNATURES[1]);
  assert.equal(chooseSignature(SIGNATURES, 'f', { lim: 1 }), undefined);
  assert.equal(chooseSignature(SIGNATURES, 'f', { slug: 'x', other: 1 }), undefined);
  assert.equal(chooseSignature(SIGNATURES, 'h', {}), undefined);
});

test('every argument travels as text and is cast to its type', () => {
  assert.deepEqual(buildCall(SIGNATURES[0]!, { id: 'u', lim: 5 }), {
    text: 'select to_jsonb(f)::text as value from cogo_api."f"("id" => $1::text::uuid, "lim" => $2::text::integer) as f',
    params: ['u', '5'],
  });
  const call = buildCall(SIGNATURES[2]!, { body: ['a'], paths: ['x', 'y'] });
  assert.deepEqual(call.params, ['["a"]', '["x","y"]']);
  assert.match(
    call.text,
    /"paths" => array\(select jsonb_array_elements_text\(\$2::text::jsonb\)\)::text\[\]/,
  );
  assert.deepEqual(buildCall(SIGNATURES[2]!, { body: 'text', paths: null }).params, ['"text"', null]);
});

test('a name can not leave its quotes', () => {
  const call = buildCall({ name: 'f"; drop', set: false, args: [] }, {});
  assert.match(call.text, /cogo_api\."f""; drop"\(\)/);
});

test('a set is a list and everything else one value', () => {
  assert.deepEqual(decodeRows(SIGNATURES[2]!, [{ value: '1' }, { value: null }]), [1, null]);
  assert.deepEqual(decodeRows(SIGNATURES[0]!, [{ value: '{"a":1}' }]), { a: 1 });
  assert.equal(decodeRows(SIGNATURES[0]!, []), null);
});

test('what the Data API answers becomes the right slug', () => {
  const table: [Parameters<typeof explainFailure>[1], number, string][] = [
    [{ code: 'CG003', message: 'no such project' }, 400, 'not_found'],
    [{ code: 'CG004', message: 'x', details: '{"field":"name"}' }, 400, 'validation_failed'],
    [{ message: 'Invalid API key' }, 401, 'unauthorized'],
    [{ code: '53100', message: 'disk full' }, 503, 'unavailable'],
    [{ code: '42501', message: 'permission denied' }, 401, 'forbidden'],
    [{ message: '' }, 502, 'unavailable'],
    [{ code: 'PGRST202', message: 'no function' }, 404, 'internal'],
    [{ message: 'TypeError: fetch failed' }, 0, 'unavailable'],
    [{ code: 'XX000', message: 'secret inner state' }, 500, 'internal'],
  ];
  for (const [answer, status, slug] of table) {
    const error = explainFailure('http://127.0.0.1:1', answer, status);
    assert.equal(error.code, slug, JSON.stringify(answer));
    assert.doesNotMatch(error.message, /secret inner state/);
  }
});
