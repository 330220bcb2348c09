import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pythonGraph } from '../graph/symbols/python_graph.ts';
import { sourceText } from '../source_text.ts';
import { chunkJson, chunkToml, chunkYaml } from './config.ts';
import { chunkPython } from './python.ts';
import { loadPython } from './python_syntax.ts';

const CODE = `"""About the module."""
import os
from .util import clean as tidy, LIMIT
from . import models

LIMIT_TWO = 2

@cached
def load(path: str) -> "models.Book":
    """Reads a book."""
    return tidy(models.Book(path))

class Shelf(models.Base):
    def add(self, book: Book):
        self.check(book)
        load("x")
        missing()

    def check(self, book):
        pass
`;

test('Python is cut into functions and classes with their decorators', async () => {
  const { chunks, warning } = await chunkPython(sourceText('lib/shelf.py', CODE));
  assert.equal(warning, undefined);
  assert.deepEqual(
    chunks.map((one) => [one.kind, one.symbol, one.startLine, one.endLine]),
    [
      ['module', undefined, 1, 6],
      ['function', 'load', 8, 11],
      ['class', 'Shelf', 13, 20],
    ],
  );
  assert.equal(chunks[1]!.signature, 'def load(path: str) -> "models.Book"');
  assert.deepEqual(chunks[2]!.names, ['Shelf', 'Shelf.add', 'Shelf.check']);
});

test('a Python file with a syntax error is still cut where it can be, with a warning', async () => {
  const { chunks, warning } = await chunkPython(
    sourceText('a.py', 'def ok():\n    return 1\n\ndef broken(:\n    x =\n'),
  );
  assert.match(warning!, /syntax error at line \d/);
  assert.equal(chunks[0]!.symbol, 'ok');
});

test('Python imports, calls, types and bases are relationships', async () => {
  await loadPython();
  const paths = new Set(['lib/shelf.py', 'lib/util.py', 'lib/models.py', 'lib/__init__.py']);
  const graph = pythonGraph('lib/shelf.py', CODE, paths)!;
  assert.deepEqual(
    graph.nodes.map((one) => `${one.key} ${one.kind} ${one.start_line}`),
    [
      'lib/shelf.py module 1',
      'lib/shelf.py#LIMIT_TWO variable 6',
      'lib/shelf.py#load function 8',
      'lib/shelf.py#Shelf class 13',
      'lib/shelf.py#Shelf.add method 14',
      'lib/shelf.py#Shelf.check method 19',
    ],
  );
  assert.equal(graph.nodes[2]!.doc, 'Reads a book.');
  assert.deepEqual(
    graph.edges
      .filter((edge) => edge.kind !== 'contains')
      .map(
        (edge) =>
          `${edge.from.replace('lib/shelf.py', '')} ${edge.kind} ${edge.to.replace('lib/shelf.py', '')}`,
      ),
    [
      ' imports pypi:os',
      ' imports lib/util.py',
      ' imports lib/models.py',
      '#load calls lib/util.py#clean',
      '#load calls lib/models.py#Book',
      '#Shelf extends lib/models.py#Base',
      '#Shelf.add calls #Shelf.check',
      '#Shelf.add calls #load',
    ],
  );
  assert.deepEqual(pythonGraph('a.py', 'from .gone import x\n', new Set(['a.py']))!.unresolved, [
    { specifier: '.gone', kind: 'static', reason: 'no_such_file', line: 1 },
  ]);
});

test('configuration is cut by its top-level keys, with their lines', () => {
  const shown = (chunked: ReturnType<typeof chunkJson>) =>
    chunked.chunks.map((one) => `${one.symbol ?? one.names.join(',')} ${one.startLine}-${one.endLine}`);
  assert.deepEqual(
    shown(
      chunkJson(
        sourceText(
          'a.json',
          '{\n  // why\n  "name": "x",\n  "version": "1",\n  "scripts": {\n    "a": "b"\n  },\n}\n',
        ),
      ),
    ),
    ['name,version 1-4', 'scripts 5-8'],
  );
  assert.deepEqual(
    shown(
      chunkYaml(
        sourceText(
          'a.yaml',
          'name: x\non:\n  push:\n    branches: [main]\n---\njobs:\n  build:\n    steps: []\n',
        ),
      ),
    ),
    ['name 1-1', 'on 2-4', 'jobs 5-8'],
  );
  assert.deepEqual(
    shown(chunkToml(sourceText('a.toml', 'title = "x"\n\n[tool.black]\nline = 1\nskip = 2\n'))),
    ['title 1-1', 'tool.black 3-5'],
  );
});

test('configuration that cannot be read is text with a warning', () => {
  assert.match(chunkJson(sourceText('a.json', '{"a": ')).warning!, /not valid JSON at line 1/);
  assert.match(chunkYaml(sourceText('a.yml', 'a: [1\nb: "')).warning!, /not valid YAML at line/);
  assert.match(chunkToml(sourceText('a.toml', 'a = \n')).warning!, /not valid TOML at line \d/);
  for (const one of [
    chunkJson(sourceText('a.json', '[1, 2]')),
    chunkYaml(sourceText('a.yml', '- a\n- b\n')),
  ]) {
    assert.equal(one.warning, undefined);
    assert.equal(one.chunks.length, 1);
  }
});
