import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Rpc } from '@cogo/client/rpc.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { indexRepository } from '../indexer.ts';
import { type Asked, ask } from './ask.ts';
import type { Span } from './span.ts';
import { verifyAnswer } from './verify.ts';

const SHOP = [fileURLToPath(new URL('../../fixtures/shop', import.meta.url))];
/** The sources of two packages of this repository, as two repositories of one project. */
const COGO = ['../../src', '../../../spec/src'].map((path) => fileURLToPath(new URL(path, import.meta.url)));

/** They stand in a file that is not indexed, or each question would find itself. */
const QUESTIONS: {
  /** `path`: the file that must come first. `quote`: a pattern one of the quotes must have. */
  shop: Array<{ q: string; path: string; quote: string }>;
  /** `path`: a file that must be among the first three, since this repository grows. */
  cogo: Array<{ q: string; path: string }>;
  unanswerable: Array<{ q: string; language: 'en' | 'ko' }>;
} = JSON.parse(readFileSync(new URL('../../fixtures/questions.json', import.meta.url), 'utf8'));

describe('answers', () => {
  let db: TestDatabase;
  let rpc: Rpc;
  const projects = new Map<string[], string>();

  before(async () => {
    db = await openTestDatabase();
    rpc = db.rpc('service_role');
    for (const roots of [SHOP, COGO]) {
      const made = await rpc.call<{ id: string }>('create_project', {
        name: 'p',
        slug: `p-${projects.size}`,
      });
      assert.ok(made.ok, JSON.stringify(made));
      projects.set(roots, made.value.id);
      for (const root of roots) {
        const options = { root, repo: root, projectId: made.value.id, rpc };
        const indexed = await indexRepository({ ...options, untracked: true });
        assert.ok(indexed.ok, JSON.stringify(indexed));
      }
    }
  });
  after(() => db.close());

  async function answer(roots: string[], q: string): Promise<Asked> {
    const result = await ask({ rpc, projectId: projects.get(roots)!, q });
    assert.ok(result.ok, JSON.stringify(result));
    return result.value;
  }

  /** Whatever an answer says must be checkable against the files as they are on disk. */
  function assertGrounded(q: string, { answer, found }: Asked): void {
    const spans = new Map<number, Span>();
    for (const one of answer.citations) {
      const lines = readFileSync(join(one.repo, one.path), 'utf8').replace(/\r\n?/g, '\n').split('\n');
      const cited = lines.slice(one.start_line - 1, one.end_line).join('\n');
      assert.ok(
        cited.includes(one.quote),
        `${q}: [${one.n}] ${one.path}:${one.start_line} has not\n${one.quote}`,
      );
      assert.equal(
        one.quote.split('\n').length,
        one.end_line - one.start_line + 1,
        `${q}: [${one.n}] lines are exact`,
      );
      const span = found.items.find((item) => item.chunk_id === one.chunk_id)!;
      assert.ok(span.text.includes(one.quote), `${q}: [${one.n}] is verbatim in its chunk`);
      spans.set(one.n, span);
    }
    const verified = verifyAnswer({ claims: answer.sentences, spans });
    assert.deepEqual(
      verified.dropped.map((one) => ({ text: one.claim.text, faults: one.faults })),
      [],
      `${q}: every sentence stands up to the verifier`,
    );
    for (const sentence of answer.sentences) assert.ok(answer.text.includes(sentence.text), q);
  }

  for (const { q, path, quote } of QUESTIONS.shop) {
    it(`shop: ${q}`, async () => {
      const asked = await answer(SHOP, q);
      assert.equal(asked.found.items[0]?.path, path);
      assert.equal(asked.answer.refused, false);
      assert.match(asked.answer.citations.map((one) => one.quote).join('\n'), new RegExp(quote));
      assert.equal(asked.answer.language, /[가-힣]/.test(q) ? 'ko' : 'en');
      assertGrounded(q, asked);
    });
  }

  for (const { q, path } of QUESTIONS.cogo) {
    it(`this repository: ${q}`, async () => {
      const asked = await answer(COGO, q);
      const files = [...new Set(asked.found.items.map((item) => item.path))];
      assert.ok(files.slice(0, 3).includes(path), `${path} is not among ${files.slice(0, 3).join(', ')}`);
      assertGrounded(q, asked);
    });
  }

  for (const { q, language } of QUESTIONS.unanswerable) {
    it(`refuses: ${q}`, async () => {
      for (const roots of [SHOP, COGO]) {
        const { answer: refusal } = await answer(roots, q);
        assert.deepEqual([refusal.refused, refusal.citations, refusal.language], [true, [], language]);
        assert.match(
          refusal.text,
          language === 'ko' ? /근거 있는 답을 찾지 못했습니다/ : /^No grounded answer/,
        );
      }
    });
  }

  it('the same question gets the same answer', async () => {
    const q = 'Is a payment retried after a timeout?';
    assert.deepEqual((await answer(SHOP, q)).answer, (await answer(SHOP, q)).answer);
  });

  it('a search may be narrowed by path, language and kind', async () => {
    const { search } = await import('./search.ts');
    const only = async (filter: object) => {
      const result = await search({ rpc, projectId: projects.get(SHOP)!, q: 'cancelled orders', filter });
      assert.ok(result.ok);
      return [...new Set(result.value.items.map((item) => item.path))];
    };
    assert.deepEqual(await only({ languages: ['sql'] }), ['db/schema.sql']);
    assert.ok((await only({ path_prefix: 'src/' })).every((path) => path.startsWith('src/')));
    assert.deepEqual(await only({ kinds: ['function'], path_prefix: 'db/' }), ['db/schema.sql']);
  });

  it('an empty question and a limit out of range are refused, punctuation finds nothing', async () => {
    const { search } = await import('./search.ts');
    const code = async (q: string, limit = 5) => {
      const result = await search({ rpc, projectId: projects.get(SHOP)!, q, limit });
      return result.ok ? result.value.items.length : result.error.code;
    };
    assert.equal(await code('  '), 'validation_failed');
    assert.equal(await code('cart', 0), 'validation_failed');
    assert.equal(await code('?!'), 0);
  });
});
