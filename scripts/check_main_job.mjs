// Holds the JSON of `npm start -- --once --json FILE` against what it promises: the shape, and that every
// citation's quote is in the cited lines of the file.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

for (const file of process.argv.slice(2)) {
  const out = JSON.parse(readFileSync(file, 'utf8'));
  assert.equal(out.ok, true, `${file}: ok`);
  assert.ok(
    out.index.files > 0 && out.index.chunks >= out.index.files,
    `${file}: index ${JSON.stringify(out.index)}`,
  );
  assert.ok(out.answer.text.length > 0, `${file}: an answer`);
  assert.ok(out.answer.citations.length > 0, `${file}: citations`);
  for (const citation of out.answer.citations) {
    const lines = readFileSync(citation.path, 'utf8').replaceAll('\r\n', '\n').split('\n');
    const span = lines.slice(citation.start_line - 1, citation.end_line).join('\n');
    assert.ok(
      citation.quote.length > 0 && span.includes(citation.quote),
      `${file}: ${citation.path}:${citation.start_line} does not hold its quote`,
    );
  }
  assert.equal(out.job.state, 'succeeded', `${file}: job ${JSON.stringify(out.job)}`);
  assert.equal(out.job.exit_code, 0, `${file}: exit code`);
  for (const name of ['gateway', 'functions', 'studio', 'dashboard'])
    assert.match(out.urls[name], /^http:\/\/127\.0\.0\.1:\d+/);
  console.log(
    `${file}: ${out.index.files} files, ${out.answer.citations.length} citations, job ${out.job.state}`,
    out.timings,
  );
}
