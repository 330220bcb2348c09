// A node:test reporter that writes one JSON line of totals: what the closing line of the suite is made from.
// Wrapper results that Node adds for a file (their name is the file's path) are no tests of ours, but a file
// that dies before it registers a test must count as a failure.
export default async function* countReporter(source) {
  const totals = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    const isFile = data.nesting === 0 && /\.test\.(ts|mjs)$/.test(data.name);
    if (data.skip !== undefined || data.todo !== undefined) {
      totals.skipped++;
      totals.skips.push(`${data.name}: ${data.skip || data.todo || 'no reason given'}`);
    } else if (type === 'test:fail') {
      totals.failed++;
      totals.failures.push(`${data.file ?? ''} > ${data.name}`);
    } else if (!isFile) {
      totals.passed++;
    }
  }
  yield `${JSON.stringify(totals)}\n`;
}
