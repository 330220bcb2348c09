import assert from 'node:assert/strict';
import { test } from 'node:test';
import { translateKorean } from './korean_terms.ts';
import { type Route, readQuestion } from './question.ts';
import { otherForms } from './word_forms.ts';

test('the route follows from how the question is written', () => {
  const cases: Array<[string, Route]> = [
    ['indexRepository', 'symbol'],
    ['`cogo_api.search`', 'symbol'],
    ['requireRole()', 'symbol'],
    ['src/answer/search.ts', 'path'],
    ['tokenize.ts', 'path'],
    ['How are leases renewed?', 'code'],
    ['Where is indexRepository called?', 'symbol'],
    ['How does indexRepository treat symlinks?', 'code'],
    ['How do I install it?', 'docs'],
    ['fix(client): form arrays', 'issue'],
    ['skip an undefined entry inside a form array', 'issue'],
    ['Login crashes when the cookie has no value', 'issue'],
    ["TypeError: can't read properties of undefined", 'issue'],
    ['Why does login fail?', 'code'],
    ['remove duplicates from a list python', 'code'],
    ['Which columns does the jobs table have?', 'sql'],
    ['policy on cogo.jobs', 'sql'],
    ['select id from jobs where state = 1', 'sql'],
    ['row level security of projects', 'sql'],
    ['how to load an sql file', 'docs'],
    ['the hash table of terms', 'code'],
    ['license', 'symbol'],
    ['which license does it have', 'docs'],
    ['작업은 어떻게 취소하나요?', 'ko'],
    ['indexRepository는 무엇을 하나요?', 'ko'],
  ];
  for (const [text, route] of cases) assert.equal(readQuestion(text).route, route, text);
});

test('words that only ask are no search terms, unless there is nothing else', () => {
  assert.deepEqual(
    readQuestion('Can you please explain how the lease works?').concepts.map((one) => one.surface),
    ['lease'],
  );
  assert.deepEqual(readQuestion('워커는 어떻게 동작하나요?').concepts.length, 1);
  assert.ok(Object.keys(readQuestion('how?').terms).length > 0);
  assert.deepEqual(readQuestion('?!').terms, {});
});

test('Hangul written against Latin is cut from it', () => {
  const { concepts } = readQuestion('lease가 만료되면');
  assert.deepEqual(
    concepts.map((one) => one.surface),
    ['lease', '만료'],
  );
});

test('Korean terms are searched for in English as well, compounds part by part', () => {
  assert.deepEqual(translateKorean('작업큐'), [['job', 'task', 'work'], ['queue']]);
  assert.deepEqual(translateKorean('재시도되나요'), [['retry']]);
  assert.deepEqual(translateKorean('의사소통'), []);
  const { terms } = readQuestion('토큰은 어디에 저장되나요?');
  assert.ok(terms['token']! > 0 && terms['store']! > 0);
  assert.ok(terms['token']! < terms['=토큰']!);
});

test('other forms of a word are found: spelling and what the light stem leaves apart', () => {
  assert.ok(otherForms('tokeniser').includes('tokeniz'));
  assert.ok(otherForms('tokenizer').includes('tokenis'));
  assert.ok(otherForms('computed').includes('compute'));
  assert.ok(otherForms('compute').includes('comput'));
  assert.ok(otherForms('policies').includes('policy'));
  assert.deepEqual(otherForms('cogo_api'), []);
});

test('identifiers are taken as written', () => {
  assert.deepEqual(readQuestion('What calls `run` and addToCart() in src/cart.ts?').identifiers, [
    'run',
    'addToCart',
    'src/cart.ts',
  ]);
});

test('a question of any length and content is read', () => {
  for (const text of [
    '',
    ' ',
    '__proto__ constructor toString',
    'x'.repeat(100_000),
    '가'.repeat(50_000),
    '\u0000\ud800',
  ]) {
    const { terms } = readQuestion(text);
    assert.ok(
      Object.values(terms).every((weight) => Number.isFinite(weight)),
      text.slice(0, 20),
    );
  }
  assert.ok(
    Object.keys(readQuestion(Array.from({ length: 5000 }, (_, i) => `word${i}x`).join(' ')).terms).length <=
      200,
  );
});

test('what code writes for a word is searched for as well, and a language name counts little', () => {
  const { terms } = readQuestion('python sort a dictionary by integer values');
  assert.ok(terms['dict']! > 0 && terms['dict']! < terms['dictionary']!);
  assert.ok(terms['int']! > 0 && terms['val']! > 0);
  assert.ok(terms['python']! > 0 && terms['python']! < terms['int']!);
});

test('what is asked for decides which sources tell: a place, an account, or nothing in particular', () => {
  const asks = (text: string) => readQuestion(text).asks;
  for (const text of [
    'where is BM25 computed?',
    'which function enqueues jobs?',
    'What does parseFrame do?',
    '점수는 어디에서 계산하나요?',
  ])
    assert.equal(asks(text), 'place', text);
  for (const text of [
    'how do I revoke a token?',
    'which files are not indexed?',
    '토큰을 폐기하려면 어떻게 하나요?',
  ])
    assert.equal(asks(text), 'account', text);
  assert.equal(asks('rate limit bucket'), 'words');
});

test('a thing asked for by its name is marked, an identifier is not', () => {
  const names = (text: string) =>
    readQuestion(text)
      .concepts.filter((concept) => concept.isName)
      .map((concept) => concept.surface);
  assert.deepEqual(names('how do I connect this to MySQL?'), ['MySQL']);
  assert.deepEqual(names('what does parseFrame return in take_rate?'), []);
});

test('plain words are searched for by what code calls such a task; who names things gets only those', () => {
  const plain = readQuestion('how to remove whitespace from a string').terms;
  assert.ok(plain['drop']! > 0 && plain['drop']! < plain['remov']!);
  assert.equal(readQuestion('how does trimStart remove whitespace').terms['drop'], undefined);
  assert.equal(readQuestion('add a way to remove whitespace').terms['drop'], undefined);
});

test('each other form of a word counts less than the word as written', () => {
  const { terms } = readQuestion('how are values computed');
  assert.equal(terms['comput'], 1);
  assert.equal(terms['compute'], 0.5);
});

test('a Latin word made a verb in Korean is that word', () => {
  const { concepts } = readQuestion('token을 revoke하려면?');
  assert.deepEqual(
    concepts.map((concept) => concept.surface),
    ['token', 'revoke'],
  );
});
