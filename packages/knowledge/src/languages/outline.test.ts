import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commentLines, definedNames, withOutline } from './outline.ts';

const names = (text: string) => definedNames(text.split('\n'));
const comments = (text: string) => commentLines(text.split('\n'));

test('what a line of code defines is named, in languages that have no parser here', () => {
  assert.deepEqual(names('pub(crate) fn open_file(path: &Path) -> File {'), ['open_file']);
  assert.deepEqual(names('impl<T> Executor for Pool<T> {'), ['Executor']);
  assert.deepEqual(names('func (s *Server) Listen(addr string) error {'), ['Listen']);
  assert.deepEqual(names('    public HashBuilder addRandomSalt()\n    {'), ['addRandomSalt']);
  assert.deepEqual(names('int Writer::close(bool force) const {'), ['close']);
  assert.deepEqual(names('class Base58(Decoder[str]):\n    def decode(self, text):'), ['Base58', 'decode']);
});

test('calls, statements and prose define nothing', () => {
  assert.deepEqual(names('    return open_file(path)\n    if (ready) {\n} else if (done) {'), []);
  assert.deepEqual(names('    delete buffer(3);\n  total = sum(values)'), []);
  assert.deepEqual(names('type theory is a branch of logic\nthe results of the test (1958)'), []);
  assert.deepEqual(names(`def ${'x'.repeat(300)}():`), []);
});

test('comments and docstrings are told from code and from strings', () => {
  assert.deepEqual(comments('/// Opens.\nfn open() {}\n// done'), [0, 2]);
  assert.deepEqual(comments('/**\n * Adds.\n */\nint add();'), [0, 1, 2]);
  assert.deepEqual(
    comments('def f():\n    """Reads.\n\n    More.\n    """\n    # now\n    return 1'),
    [1, 2, 3, 4, 5],
  );
  assert.deepEqual(comments('sql = """\n# not a comment\n"""\n# one'), [3]);
  assert.deepEqual(comments('#include <x>\n#[derive(Debug)]\n#!/bin/sh\n-- lua'), [3]);
});

test('a document that quotes code stays a document', () => {
  const text = 'Write a component:\n\n```js\n// first\nfunction Form() {\n}\n```\n';
  const chunk = { kind: 'window' as const, startLine: 1, endLine: 7, text, docLines: 0, names: ['Forms'] };
  assert.deepEqual(withOutline(chunk), chunk);
  assert.deepEqual(withOutline({ ...chunk, text: 'function Form() {\n}' }).names, ['Form', 'Forms']);
});
