import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanWords } from '@cogo/spec/tokenize.ts';
import { fileTerms } from './file_terms.ts';

test('chunks count the terms of their file by place, each field by itself', () => {
  const terms = fileTerms(scanWords('src a'));
  const count = (...fields: [string, string, string, string]) =>
    terms.count(...(fields.map((text) => terms.places(scanWords(text))) as Parameters<typeof terms.count>));
  assert.deepEqual(count('run', 'a doc a', 'run run', 'a'), {
    term: '{1,2,3,4}',
    in_path: '{1,1,0,0}',
    in_name: '{0,0,1,0}',
    in_doc: '{0,2,0,1}',
    in_body: '{0,1,2,0}',
  });
  assert.deepEqual(count('', '', 'new run', ''), {
    term: '{1,2,5,3}',
    in_path: '{1,1,0,0}',
    in_name: '{0,0,0,0}',
    in_doc: '{0,0,0,0}',
    in_body: '{0,0,1,1}',
  });
  assert.deepEqual(terms.all, ['src', 'a', 'run', 'doc', 'new']);
});

test('names that objects have by themselves are terms like any other', () => {
  const terms = fileTerms([]);
  const words = ['constructor', '__proto__', 'constructor'].map((token) => ({ tokens: [token], pieces: [] }));
  assert.equal(terms.count([], [], terms.places(words), []).in_body, '{2,1}');
  assert.deepEqual(terms.all, ['constructor', '__proto__']);
});
