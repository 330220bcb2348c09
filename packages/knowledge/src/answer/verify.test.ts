import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LABELS } from './phrases.ts';
import type { Span } from './span.ts';
import { type Fault, splitClaims, verifyAnswer, verifyClaim } from './verify.ts';

function span(more: Partial<Span>): Span {
  return {
    chunk_id: 1,
    repo: 'shop',
    path: 'src/checkout.ts',
    language: 'typescript',
    kind: 'function',
    symbol: 'checkout',
    signature: null,
    heading: null,
    start_line: 16,
    end_line: 24,
    text: [
      '/**',
      ' * Turns a cart into an order and charges the customer.',
      ' * A payment that times out is retried 2 times with the same idempotency key.',
      ' * A cancelled order is never deleted.',
      ' */',
      'export async function checkout(lines: CartLine[]): Promise<OrderState> {',
      '  return gateway.charge(cents, orderKey);',
      '}',
    ].join('\n'),
    commit_sha: null,
    generation: 1,
    ...more,
  };
}

const SPANS = new Map([
  [1, span({})],
  [
    2,
    span({
      chunk_id: 2,
      path: 'docs/배송.md',
      kind: 'section',
      language: 'markdown',
      symbol: null,
      heading: '배송',
      text: '# 배송\n\n주문은 결제 후 3일 안에 발송됩니다. 반품된 상품은 다시 판매하지 않습니다.',
      start_line: 1,
      end_line: 3,
    }),
  ],
]);

const faultsOf = (text: string): Fault[] => {
  const [claim] = splitClaims(text);
  return verifyClaim(claim!, SPANS).faults.map((one) => one.fault);
};

test('sentences that say what their span says stand', () => {
  const sentences = [
    '`checkout` turns a cart into an order and charges the customer [1].',
    'A payment that times out is retried 2 times with the same idempotency key [1].',
    'The function `checkout` in `src/checkout.ts` returns a Promise of OrderState [1].',
    '“A payment that times out is retried 2 times with the same idempotency key.” [1]',
    '“Turns a cart into an order and charges the customer. A payment that times out is retried” [1]',
    'A cancelled order is never deleted [1].',
    '주문은 결제 후 3일 안에 발송됩니다 [2].',
    '```ts\n  return gateway.charge(cents, orderKey);\n```\n[1]',
    LABELS.en.code,
  ];
  for (const sentence of sentences) assert.deepEqual(faultsOf(sentence), [], sentence);
});

test('injected errors are caught, each by its name', () => {
  const cases: Array<[string, Fault]> = [
    ['A payment that times out is retried 3 times with the same idempotency key [1].', 'number_not_in_span'],
    ['`refundOrder` turns a cart into an order and charges the customer [1].', 'identifier_not_in_span'],
    ['chargeCustomer turns a cart into an order [1].', 'identifier_not_in_span'],
    [
      'The order is made in src/orders.ts when the customer is charged for the cart [1].',
      'identifier_not_in_span',
    ],
    ['“A payment that fails is retried with the same idempotency key.” [1]', 'quote_not_in_span'],
    ['```ts\n  return gateway.refund(cents, orderKey);\n```\n[1]', 'quote_not_in_span'],
    ['A cancelled order is deleted [1].', 'negation_differs'],
    ['A payment that times out is not retried with the same idempotency key [1].', 'negation_differs'],
    ['주문은 결제 후 7일 안에 발송됩니다 [2].', 'number_not_in_span'],
    ['반품된 상품은 다시 판매합니다 [2].', 'negation_differs'],
    ['Turns a cart into an order and charges the customer.', 'uncited'],
    ['Turns a cart into an order and charges the customer [7].', 'unknown_citation'],
    ['The warehouse robot polishes every parcel before breakfast [1].', 'not_covered'],
  ];
  for (const [sentence, fault] of cases)
    assert.ok(faultsOf(sentence).includes(fault), `${fault}: ${sentence}`);
});

test('a number inside another number or a name inside another name does not count', () => {
  const spans = new Map([
    [
      1,
      span({
        text: 'const retries = 120; // release(order)',
        symbol: null,
        path: 'a.ts',
        start_line: 900,
        end_line: 900,
      }),
    ],
  ]);
  const faults = (text: string) =>
    verifyClaim({ text, citations: [1] }, spans).faults.map((one) => one.fault);
  assert.deepEqual(faults('The order retries are 12 [1].'), ['number_not_in_span']);
  assert.deepEqual(faults('The order retries call `lease` [1].'), ['identifier_not_in_span']);
  assert.deepEqual(faults('The order retries are 120 [1].'), []);
});

test('unsupported sentences are dropped, and an answer without any is refused', () => {
  const text = 'A cancelled order is never deleted [1]. A cancelled order is archived by `archiveOrder` [1].';
  const mixed = verifyAnswer({ claims: splitClaims(text), spans: SPANS });
  assert.equal(mixed.text, 'A cancelled order is never deleted [1].');
  assert.deepEqual(
    mixed.dropped.map((one) => one.faults[0]!.fault),
    ['identifier_not_in_span'],
  );
  assert.equal(mixed.refused, false);
  const none = verifyAnswer({ claims: splitClaims(`${LABELS.en.code}\nIt is magic [9].`), spans: SPANS });
  assert.deepEqual([none.text, none.kept, none.refused], ['', [], true]);
});

test('an answer is cut into sentences with their marks, code blocks whole', () => {
  const text = 'First. [1] Second e.g. this [2][3].\n\n```ts\na. b. c\n```\n[1]\n- Third [2]';
  assert.deepEqual(
    splitClaims(text).map((claim) => claim.citations),
    [[1], [2, 3], [1], [2]],
  );
});

test('an index in code is no citation, and code with one stands as it is', () => {
  const [claim] = splitClaims('```ts\nconst first = lines[0];\n```\n[1]');
  assert.deepEqual(claim!.citations, [1]);
  const spans = new Map([[1, span({ text: 'const first = lines[0];\nconst last = lines[9];' })]]);
  assert.deepEqual(verifyClaim(claim!, spans).faults, []);
  const [swapped] = splitClaims('```ts\nconst first = lines[9];\n```\n[1]');
  assert.deepEqual(
    verifyClaim(swapped!, spans).faults.map((one) => one.fault),
    ['quote_not_in_span'],
  );
});

test('a denial is held against its own clause, not against the sentence it stands in', () => {
  const spans = new Map([
    [1, span({ text: '/** The share of the weight that is covered; zero for a text without concepts. */' })],
  ]);
  const faults = (text: string) =>
    verifyClaim({ text: `${text} [1]`, citations: [1] }, spans).faults.map((one) => one.fault);
  assert.deepEqual(faults('The share of the weight that is covered; zero for a text without concepts.'), []);
  assert.deepEqual(faults('The share of the weight that is not covered; zero for a text without concepts.'), [
    'negation_differs',
  ]);
});
