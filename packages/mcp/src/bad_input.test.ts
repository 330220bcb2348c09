import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Rpc } from '@cogo/client/rpc.ts';
import { search } from '@cogo/knowledge/answer/search.ts';
import { indexRepository } from '@cogo/knowledge/indexer.ts';
import { tempRepo } from '@cogo/knowledge/testing.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { readSpanTool } from './read_span.ts';

/** From bytes on the disk through index, search and `read_span` back to lines: nothing in between may move them. */

const utf16be = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16();
const CODE = [
  '// 첫 줄 🙂',
  '/** Grants an amnesty. */',
  'export function NAME(n: number) {',
  '\treturn n; // é',
  '}',
  '',
];
const code = (name: string) => CODE.join('\n').replace('NAME', name);

const FILES: Array<{ path: string; bytes: Buffer; text: string; word: string; line: number }> = [
  [
    'crlf.ts',
    code('amnestyOne'),
    (text: string) => Buffer.from(text.replaceAll('\n', '\r\n')),
    'amnestyOne',
    3,
  ],
  ['bom.ts', code('amnestyTwo'), (text: string) => Buffer.from(`\ufeff${text}`), 'amnestyTwo', 3],
  [
    'bom-crlf.md',
    '# Zebra\n\nStripes of the quagga.\n\n## Okapi\n\nForest giraffe.\n',
    (text: string) => Buffer.from(`\ufeff${text.replaceAll('\n', '\r\n')}`),
    'giraffe',
    7,
  ],
  [
    'le.ts',
    code('amnestyThree'),
    (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le'),
    'amnestyThree',
    3,
  ],
  ['be.py', '# 한글\ndef amnesty_four(n):\n    return n\n', utf16be, 'amnesty_four', 2],
  [
    'mixed.sql',
    '-- 🙂 one\ncreate table narwhal (id int);\n\ncreate view beluga as\nselect 1;\n',
    (text: string) => Buffer.from(text.replace('\n', '\r\n').replace(';\n\n', ';\r\r')),
    'beluga',
    4,
  ],
  [
    'cr.txt',
    'first\nthe axolotl sleeps\nlast\n',
    (text: string) => Buffer.from(text.replaceAll('\n', '\r')),
    'axolotl',
    2,
  ],
].map(([path, text, encode, word, line]) => ({
  path: path as string,
  text: text as string,
  bytes: (encode as (text: string) => Buffer)(text as string),
  word: word as string,
  line: line as number,
}));

let db: TestDatabase;
let rpc: Rpc;
let projectId: string;

before(async () => {
  db = await openTestDatabase();
  rpc = db.rpc('service_role');
  const made = await rpc.call<{ id: string }>('create_project', { name: 'bad input' });
  assert.ok(made.ok);
  projectId = made.value.id;
});
after(() => db.close());

test('CRLF, CR, BOM and UTF-16 leave every line where the editor has it, in chunks, graph and spans', async (t) => {
  const repo = tempRepo(Object.fromEntries(FILES.map(({ path, bytes }) => [path, bytes])));
  t.after(repo.remove);
  repo.write('latin1.txt', Buffer.from('caf\u00e9 society', 'latin1'));
  repo.write('bundle.js', Buffer.alloc(20_000_000, 'var a=1;'));
  repo.write('half.ts', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('a')]));
  const indexed = await indexRepository({ root: repo.root, repo: 'app', projectId, rpc });
  assert.ok(indexed.ok, JSON.stringify(indexed));
  assert.deepEqual(
    indexed.value.skipped.map(({ path, why }) => [path, why]),
    [
      ['bundle.js', 'larger than 1 MB (20.0 MB)'],
      ['half.ts', 'not valid UTF-16 text'],
      ['latin1.txt', 'not valid UTF-8 text'],
    ],
  );
  for (const { path, text, word, line } of FILES) {
    const lines = text.split('\n');
    const found = await search({ rpc, projectId, q: word });
    assert.ok(found.ok, JSON.stringify(found));
    const [item] = found.value.items.filter((one) => one.path === path);
    assert.ok(item, `${word} finds ${path}`);
    assert.ok(item.start_line <= line && line <= item.end_line, `${path}: line ${line}`);
    const read = (input: Record<string, unknown>) =>
      readSpanTool.run(
        { start_line: 1, ...input } as Parameters<typeof readSpanTool.run>[0],
        { rpc, projectId, signal: new AbortController().signal } as Parameters<typeof readSpanTool.run>[1],
      );
    for (const input of [{ chunk_id: item.chunk_id }, { path, start_line: line, end_line: line }]) {
      const span = (await read(input)) as {
        ok: boolean;
        value: { text: string; start_line: number; end_line: number };
      };
      assert.ok(span.ok, JSON.stringify(span));
      const { start_line, end_line } = span.value;
      assert.equal(span.value.text, lines.slice(start_line - 1, end_line).join('\n'), path);
      assert.ok(start_line <= line && line <= end_line);
    }
  }
  for (const word of ['amnestyOne', 'amnestyTwo', 'amnestyThree']) {
    const symbol = await rpc.call<Array<Record<string, unknown>>>('graph_symbol', {
      project_id: projectId,
      symbol: word,
    });
    assert.ok(symbol.ok);
    const { start_line, end_line } = symbol.value[0]!;
    assert.deepEqual([start_line, end_line], [3, 5], word);
  }
});

test('a question of 10 kB, of one character, of emoji and in two languages is answered by the database', async (t) => {
  const repo = tempRepo({
    'src/lease.ts': 'export function renewLease(token: string) {\n  return token;\n}\n',
    'docs/배송.md': '# 배송 안내\n\n배송은 renewLease 함수가 임대를 연장한 뒤에 시작한다.\n',
    'docs/emoji.md': '# Moods\n\nThe 🦥 sleeps.\n',
  });
  t.after(repo.remove);
  const indexed = await indexRepository({ root: repo.root, repo: 'asked', projectId, rpc });
  assert.ok(indexed.ok, JSON.stringify(indexed));
  const ask = async (q: string) => {
    const found = await search({ rpc, projectId, q });
    assert.ok(found.ok, `${q.slice(0, 30)}: ${JSON.stringify(found)}`);
    return found.value.items.map(({ path }) => path);
  };
  const long = `${'how does the worker renew its lease when the token expires '.repeat(180)}renewLease`;
  assert.ok(long.length > 10_000);
  assert.ok((await ask(long)).includes('src/lease.ts'));
  const mixed = await ask('배송은 renewLease 로 언제 시작하나요?');
  assert.deepEqual(mixed.slice(0, 2).sort(), ['docs/배송.md', 'src/lease.ts']);
  assert.ok((await ask('renewLease는 무엇을 하나요?')).includes('src/lease.ts'));
  for (const q of ['a', '가', '?', '🦥', '🦥🙂👨‍👩‍👧', '%_\\\'"; drop', '\ud800', 'x'.repeat(10_000)])
    await ask(q);
});
