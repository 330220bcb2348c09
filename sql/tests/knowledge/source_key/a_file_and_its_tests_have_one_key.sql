select is(cogo.source_key(path), key, path)
  from (values
    ('src/cookie/index.ts', 'cookie/index'),
    ('src/cookie/index.test.ts', 'cookie/index'),
    ('packages/core/src/watch.ts', 'packages/core/watch'),
    ('packages/core/__tests__/watch.spec.tsx', 'packages/core/watch'),
    ('lib/reply.js', 'reply'),
    ('test/reply.test.js', 'reply'),
    ('app/models.py', 'app/models'),
    ('app/tests/test_models.py', 'app/models'),
    ('pool/claim_test.go', 'pool/claim'),
    ('latest/contest.ts', 'latest/contest')) t(path, key);
