// `tsx scripts/openapi.ts`: writes docs/openapi.json from the schemas of packages/spec. `--check` only compares.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { openApiDocument } from '@cogo/spec/openapi.ts';
import { FUNCTIONS } from '@cogo/spec/schemas/functions.ts';

const file = new URL('../docs/openapi.json', import.meta.url);
const text = `${JSON.stringify(openApiDocument(FUNCTIONS), null, 2)}\n`;

if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
  format();
} else if (JSON.stringify(JSON.parse(read())) !== JSON.stringify(JSON.parse(text))) {
  console.error('docs/openapi.json is not what the schemas say. Write it with: npx tsx scripts/openapi.ts');
  process.exitCode = 1;
}

function read(): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return 'null';
  }
}

// The repository's formatter has the last word on how the file looks.
function format(): void {
  const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
  const { status } = spawnSync(process.execPath, [biome, 'format', '--write', fileURLToPath(file)], {
    stdio: 'ignore',
  });
  if (status !== 0) process.exitCode = 1;
}
