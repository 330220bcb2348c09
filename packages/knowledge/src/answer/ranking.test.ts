import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Rpc } from '@cogo/client/rpc.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { indexRepository } from '../indexer.ts';
import { tempRepo, type TempRepo } from '../testing.ts';
import { readQuestion } from './question.ts';
import { phrasesOf } from './ranking.ts';
import { search, type SearchAnswer } from './search.ts';

const FILES = {
  'README.md': '# Shop\n\nSells things to people.\n',
  'src/shop.ts':
    '/** The shop: opens a shop, sells for a shop. */\nexport function openShop(shop: Shop) {\n  return shop;\n}\n',
  'src/lease.ts': '/** Renews a lease. */\nexport function renewLease(id: string) {\n  return id;\n}\n',
  'src/use_lease.ts':
    'export const go = () => {\n  renewLease("a");\n  renewLease("b");\n  return renewLease("c");\n};\n',
  'src/lease.test.ts':
    'import { renewLease } from "./lease.ts";\nrenewLease("lease");\nrenewLease("lease lease");\n',
  'src/index.ts': 'export { renewLease } from "./lease.ts";\nexport { openShop } from "./shop.ts";\n',
  'src/reducer.ts':
    '// A reducer of components.\nexport function combineReducers(component: string) {\n  return component;\n}\n',
  'src/basket.ts':
    'export function put(item: Item) {\n  return item.price;\n}\nexport function take(item: Item) {\n  return discount(item);\n}\n',
  'src/voucher.ts':
    'export function price(item: Item) {\n  return item.price;\n}\nexport const price_of = (price: number) => price;\n',
  'src/parcel.ts': 'export function seal(box: Box) {\n  return tape(box, weight);\n}\n',
  'src/carton.ts': 'export function fold(box: Box) {\n  return weight(box);\n}\n',
  'tests/carton.test.ts': 'it("rejects a fragile box over its weight", () => {\n  fold(box);\n});\n',
  'sql/orders.sql': '-- One row an order.\ncreate table shop.orders (id int primary key, total numeric);\n',
  'src/orders.ts':
    '/** Columns of the orders table: the orders. */\nexport const orders = ["orders", "table", "columns"];\n',
  'docs/a.md':
    '# 물류\n\n창고 직원은 매일 출근한다. 점검 일정은 게시판에 있다. 냉동 식품은 따로 둔다. 창고.\n',
  'docs/b.md':
    '# 안내\n\n냉동 창고는 월요일에 점검한다. 사무실은 매일 연다. 주차장은 넓고 식당은 이층에 있으며 휴게실도 있다.\n',
  'docs/배송.md': '# 배송\n\n배송 조회는 주문 번호로 한다. 환불은 사흘 걸린다.\n',
};

describe('ranking', () => {
  let db: TestDatabase;
  let rpc: Rpc;
  let repo: TempRepo;
  let projectId: string;

  before(async () => {
    db = await openTestDatabase();
    rpc = db.rpc('service_role');
    repo = tempRepo(FILES);
    const made = await rpc.call<{ id: string }>('create_project', { name: 'p', slug: 'p' });
    assert.ok(made.ok);
    projectId = made.value.id;
    const indexed = await indexRepository({ root: repo.root, repo: 'shop', projectId, rpc, untracked: true });
    assert.ok(indexed.ok, JSON.stringify(indexed));
  });
  after(async () => {
    repo.remove();
    await db.close();
  });

  async function ask(q: string, more: object = {}): Promise<SearchAnswer> {
    const found = await search({ rpc, projectId, q, ...more });
    assert.ok(found.ok, `${q.slice(0, 80)}: ${JSON.stringify(found)}`);
    return found.value;
  }
  const firstPath = async (q: string) => (await ask(q)).items[0]?.path;

  it('a sentence that has the words together goes before a text that has them scattered, and says so', async () => {
    const { items } = await ask('냉동 창고는 언제 점검하나요?', { explain: true });
    assert.equal(items[0]?.path, 'docs/b.md');
    const close = (path: string) => Number(items.find((item) => item.path === path)?.signals?.['close']);
    assert.ok(close('docs/b.md') > close('docs/a.md'));
    const code = await ask('lease renewal', { explain: true });
    assert.equal(code.items[0]?.signals?.['close'], 0);
  });

  it('words side by side in a Korean question count where a text has them so', async () => {
    const { items } = await ask('주문 번호로 조회하나요?', { explain: true });
    const phrase = (path: string) => Number(items.find((item) => item.path === path)?.signals?.['phrase']);
    assert.ok(phrase('docs/배송.md') > 0);
    assert.deepEqual(phrasesOf(readQuestion('2011년 10월 하계 올림픽이 (열린) 곳은?')), [
      '2011년',
      '년 10',
      '10월',
      '월 하계',
      '하계 올림픽',
    ]);
    assert.deepEqual(phrasesOf(readQuestion('where is the lease renewed')), []);
  });

  it('who asks what a thing is gets the opening of the README that is named after it', async () => {
    for (const q of ['What is Shop?', 'What does shop do?', 'Shop은 무엇인가요?']) {
      assert.equal(readQuestion(q).overview, true, q);
      assert.equal(await firstPath(q), 'README.md', q);
    }
    assert.equal(readQuestion('What is the tax rate of a shop?').overview, false);
  });

  it('the definition of a name comes before its uses, tests and re-exports', async () => {
    for (const q of ['renewLease', 'where is renewLease defined', '`renewLease()`']) {
      assert.equal(await firstPath(q), 'src/lease.ts', q);
    }
    const order = (await ask('renewLease')).items.map((item) => item.path);
    assert.ok(order.indexOf('src/lease.ts') < order.indexOf('src/index.ts'));
    assert.ok(order.indexOf('src/lease.ts') < order.indexOf('src/lease.test.ts'));
  });

  it('tests move up for who asks for them', async () => {
    const place = async (q: string) =>
      (await ask(q)).items.findIndex((item) => item.path === 'src/lease.test.ts');
    assert.ok((await place('renew lease')) > 0);
    assert.ok((await place('test of lease')) < (await place('renew lease')));
  });

  it('for the title of an issue a file counts with all its chunks, and says so', async () => {
    const q = 'ignore a discount when the price is missing';
    assert.equal(readQuestion(q).route, 'issue');
    const { items } = await ask(q, { explain: true });
    const cover = (path: string) =>
      Number(items.find((item) => item.path === path)?.signals?.['cover'] ?? Number.NaN);
    assert.ok(cover('src/basket.ts') > cover('src/voucher.ts'));
    assert.ok(items.filter((item) => item.path === 'src/basket.ts').length === 2);
    const asked = await ask('where is the discount of a price', { explain: true });
    assert.equal(asked.items[0]?.signals?.['cover'], 0);
  });

  it('for the title of an issue the words of its tests count for a file', async () => {
    const { items } = await ask('reject a fragile box', { explain: true });
    const tested = (path: string) => Number(items.find((item) => item.path === path)?.signals?.['tested']);
    assert.ok(tested('src/carton.ts') > 0);
    assert.equal(tested('src/parcel.ts'), 0);
    assert.equal(tested('tests/carton.test.ts'), 0);
    const places = items.map((item) => item.path);
    assert.ok(places.indexOf('src/carton.ts') < places.indexOf('src/parcel.ts'));
  });

  it('who asks about a table gets its definition before code that speaks of it', async () => {
    assert.equal(await firstPath('Which columns does the orders table have?'), 'sql/orders.sql');
    assert.equal(await firstPath('select total from orders'), 'sql/orders.sql');
  });

  it('a misspelt word finds the word it is like', async () => {
    assert.equal(await firstPath('reducr'), 'src/reducer.ts');
    assert.equal(await firstPath('componnent'), 'src/reducer.ts');
  });

  it('a Korean spelling of an English word finds it by its sound', async () => {
    assert.equal(await firstPath('리듀서는 무엇을 받나요'), 'src/reducer.ts');
  });

  it('explain shows every signal behind a score', async () => {
    const { items } = await ask('renewLease', { explain: true });
    const signals = items[0]!.signals!;
    for (const name of [
      'lexical',
      'vector',
      'base',
      'definition',
      'symbol',
      'file',
      'folder',
      'kind',
      'document',
      'coherence',
      'factor',
      'repeat',
    ]) {
      assert.equal(typeof signals[name], 'number', name);
    }
    assert.ok(signals['definition']! > 0);
    assert.equal((await ask('renewLease')).items[0]!.signals, undefined);
  });

  it('one call brings the items and how common each word is', async () => {
    const calls: string[] = [];
    const counted: Rpc = {
      ...rpc,
      call: (fn, args, opts) => {
        calls.push(fn);
        return rpc.call(fn, args, opts);
      },
    };
    const found = await search({ rpc: counted, projectId, q: 'how is a lease renewed' });
    assert.ok(found.ok);
    assert.deepEqual(calls, ['search']);
    assert.ok(found.value.lexicon!.n >= 8);
    assert.ok(found.value.lexicon!.df['lease']! >= 3);
  });

  it('odd questions are answered or find nothing, and never fail', async () => {
    const long = 'how does the shop renew a lease and 배송 조회 '.repeat(250);
    assert.ok(long.length > 10_000);
    const odd: [string, string | null][] = [
      [long, ''],
      ['x', null],
      ['가', null],
      ['🙂🚀', null],
      ['🙂 renewLease 🚀', 'src/lease.ts'],
      ['배송 renewLease 조회 shop', ''],
      ['the of and is', null],
      ["'; drop table cogo.chunks; --", null],
      ["renewLease' or '1'='1", 'src/lease.ts'],
      ['%_%', null],
      ['renew\0Lease lease', ''],
      ['\ud800 lease', ''],
      ['{"a":1}\\u0000', null],
      ['__proto__ constructor', null],
      [`${'a'.repeat(5000)}`, null],
      ['NaN Infinity -0', null],
    ];
    for (const [q, prefix] of odd) {
      const { items } = await ask(q);
      if (prefix !== null)
        assert.ok(items[0]?.path.startsWith(prefix), `${q.slice(0, 40)}: ${items[0]?.path}`);
    }
    assert.ok((await ask('lease')).items.length > 0, 'the index is still there');
  });

  it('a malformed query is refused as such', async () => {
    for (const query of [
      { terms: { lease: 'x' } },
      { terms: { lease: 1 }, limit: 'ten' },
      { terms: { lease: 1 }, features: [['a', 1, 'lease']] },
    ]) {
      const result = await rpc.call('search', { project_id: projectId, query });
      assert.ok(!result.ok, JSON.stringify(query));
      assert.match(result.error.code, /^(?:bad_request|validation_failed)$/, JSON.stringify(query));
    }
  });

  it('the vector made in the database is the one made here', async () => {
    const { queryFeatures, queryVector, idfOfLexicon } = await import('@cogo/spec/hash_embedding.ts');
    const text = 'how does renewLease renew a lease 배송 조회';
    const lexicon = { n: 8, df: { lease: 3, renewlease: 4, renew: 2 } };
    const [row] = await db.sql<{ v: string }>(
      'select cogo.hash_vector($1::text::jsonb, $2::text::jsonb, 8)::text as v',
      [JSON.stringify(queryFeatures(text)), JSON.stringify(lexicon.df)],
    );
    const theirs = JSON.parse(row!.v) as number[];
    const ours = queryVector(text, idfOfLexicon(lexicon));
    const dot = theirs.reduce((sum, value, at) => sum + value * ours[at]!, 0);
    const norm = Math.hypot(...theirs);
    assert.ok(Math.abs(dot / norm - 1) < 1e-3, String(dot / norm));
  });
});
