// Parses every JavaScript and TypeScript source below a folder and runs none of them. Its own process: a parser that
// crashes or hangs on a source takes this down and not the worker. Usage: node check.mjs FOLDER
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';

const SOURCE = /\.(?:[cm]?[jt]s|[jt]sx)$/;
/** Dependencies and version control; broken on purpose are the fixtures of tools that read code. */
const SKIPPED = new Set(['node_modules', '.git', 'fixtures', '__fixtures__', 'testdata']);
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_SHOWN = 50;

const root = process.argv[2];
const counts = { files: 0, broken: 0, errors: 0, tooLarge: 0, skippedFolders: 0 };

walk('');
if (counts.errors > MAX_SHOWN) console.log(`… and ${counts.errors - MAX_SHOWN} more errors`);
const notes = [
  counts.tooLarge > 0 ? `${counts.tooLarge} larger than 4 MB left out` : '',
  counts.skippedFolders > 0 ? `${counts.skippedFolders} folders of fixtures left out` : '',
].filter(Boolean);
console.log(
  `${counts.files} sources parsed, ${counts.broken} with errors${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`,
);
process.exitCode = counts.broken > 0 ? 1 : 0;

function walk(dir) {
  for (const entry of readdirSync(join(root, dir), { withFileTypes: true })) {
    const path = dir === '' ? entry.name : `${dir}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!SKIPPED.has(entry.name)) walk(path);
      else if (/fixtures|testdata/.test(entry.name)) counts.skippedFolders++;
    } else if (entry.isFile() && SOURCE.test(entry.name)) {
      check(path);
    }
  }
}

function check(path) {
  const file = join(root, path);
  if (statSync(file).size > MAX_BYTES) {
    counts.tooLarge++;
    return;
  }
  const source = readFileSync(file, 'utf8');
  counts.files++;
  const errors = errorsOf(path, source);
  if (errors.length === 0) return;
  counts.broken++;
  for (const error of errors) {
    counts.errors++;
    if (counts.errors > MAX_SHOWN) continue;
    const at = error.labels[0]?.start ?? 0;
    const before = source.slice(0, at).split('\n');
    console.log(`${path}:${before.length}:${before.at(-1).length + 1}: ${error.message}`);
  }
}

/** A .js file may be a module or a script, and may hold JSX: it is broken when it is none of these. */
function errorsOf(path, source) {
  const ways = /\.(?:js|jsx)$/.test(path)
    ? [
        { lang: 'jsx', sourceType: 'module' },
        { lang: 'jsx', sourceType: 'script' },
        { lang: 'jsx', sourceType: 'commonjs' },
      ]
    : /\.c[jt]s$/.test(path)
      ? [{ sourceType: 'commonjs' }, { sourceType: 'module' }]
      : [{ sourceType: 'module' }, { sourceType: 'script' }];
  let first;
  for (const way of ways) {
    const errors = parseSync(path, source, way).errors.filter((error) => error.severity === 'Error');
    if (errors.length === 0) return errors;
    first ??= errors;
  }
  return first;
}
