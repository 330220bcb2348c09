import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cogoError,
  ERROR_SLUGS,
  ERROR_TABLE,
  errorFromDatabase,
  isErrorSlug,
  slugOfSqlstate,
  sqlstateOfSlug,
} from './errors.ts';

test('every SQLSTATE is of class CG, five characters, and used once', () => {
  const states = ERROR_SLUGS.map(sqlstateOfSlug).filter((state) => state !== undefined);
  for (const state of states) assert.match(state, /^CG[0-9]{3}$/);
  assert.equal(new Set(states).size, states.length);
});

test('the table holds what the database raises and the status callers rely on', () => {
  const table: [string, string, number][] = [
    ['CG000', 'bad_request', 400],
    ['CG001', 'unauthorized', 401],
    ['CG002', 'forbidden', 403],
    ['CG003', 'not_found', 404],
    ['CG004', 'validation_failed', 422],
    ['CG005', 'payload_too_large', 413],
    ['CG006', 'idempotency_conflict', 409],
    ['CG007', 'version_mismatch', 409],
    ['CG008', 'rate_limited', 429],
    ['CG020', 'lease_lost', 409],
    ['CG021', 'job_cancelled', 409],
    ['CG022', 'illegal_transition', 409],
    ['CG023', 'job_key_reused', 409],
    ['CG024', 'quota_exceeded', 429],
    ['CG025', 'executor_draining', 409],
    ['CG030', 'not_configured', 503],
    ['CG031', 'stale_generation', 409],
  ];
  for (const [state, slug, status] of table) {
    assert.equal(slugOfSqlstate(state), slug);
    assert.equal(ERROR_TABLE[slug as keyof typeof ERROR_TABLE].status, status);
  }
  const plain: [string, number][] = [
    ['invalid_json', 400],
    ['method_not_allowed', 405],
    ['precondition_failed', 412],
    ['precondition_required', 428],
    ['provider_error', 502],
    ['timeout', 504],
    ['internal', 500],
    ['aborted', 499],
  ];
  for (const [slug, status] of plain)
    assert.equal(ERROR_TABLE[slug as keyof typeof ERROR_TABLE].status, status);
});

test('a slug is told from other text, names of object members included', () => {
  assert.ok(isErrorSlug('not_found'));
  for (const other of ['', 'nope', 'constructor', '__proto__', 5, null])
    assert.equal(isErrorSlug(other), false);
});

test('an error takes status and advice from the table, and the advice can be overruled', () => {
  assert.deepEqual(cogoError('provider_error', 'm'), {
    code: 'provider_error',
    message: 'm',
    status: 502,
    retryable: true,
  });
  assert.equal(cogoError('provider_error', 'm', { retryable: false }).retryable, false);
});

test('a database error without a known state discloses nothing', () => {
  const error = errorFromDatabase({
    code: 'XX000',
    message: 'column "secret" of relation',
    detail: 'row (1, x)',
  });
  assert.equal(error.code, 'internal');
  assert.ok(!JSON.stringify(error).includes('secret'));
  assert.equal(error.details, undefined);
});

test('the details of foreign errors are not passed on, those of CG errors are', () => {
  assert.equal(
    errorFromDatabase({ code: '23505', message: 'duplicate', detail: 'Key (email)=(a@b.c) exists' }).details,
    undefined,
  );
  assert.deepEqual(errorFromDatabase({ code: 'CG004', message: 'm', detail: '{"a":1}' }).details, { a: 1 });
  assert.equal(
    errorFromDatabase({ code: 'CG004', message: 'm', detail: 'plain words' }).details,
    'plain words',
  );
});

test('an error without any code is internal', () => {
  assert.equal(errorFromDatabase({}).code, 'internal');
});
