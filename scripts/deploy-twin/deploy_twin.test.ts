import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { denoBinaries } from '../deno_binary.ts';
import { deployWithCli } from './deploy_with_cli.ts';
import { startManagementApi } from './management_api.ts';
import { serveUpload } from './serve_upload.ts';
import { missingImports, npmPins, unpack, type Unpacked } from './unpack.ts';

const REF = 'abcdefghijklmnopqrst';
// The CLI checks the shape only.
const TOKEN = `sbp_${'0'.repeat(40)}`;
const deno = denoBinaries().target.path;

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'cogo-twin-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A project with one function `hello` and the given further files. */
function project(t: TestContext, files: Record<string, string>): string {
  const root = scratch(t);
  const all: Record<string, string> = {
    'supabase/config.toml': `project_id = "tiny"\n[functions.hello]\nverify_jwt = false\nentrypoint = "../functions/hello/index.ts"\nimport_map = "../functions/deno.json"\n`,
    'functions/deno.json': '{"imports":{"@lib/":"../lib/"}}',
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

async function deploy(t: TestContext, root: string, maxUploadBytes?: number) {
  const api = await startManagementApi({
    ref: REF,
    accessToken: TOKEN,
    ...(maxUploadBytes ? { maxUploadBytes } : {}),
  });
  t.after(() => api.close());
  const run = await deployWithCli({
    root,
    scratch: scratch(t),
    apiUrl: api.url,
    ref: REF,
    accessToken: TOKEN,
  });
  return { api, run };
}

async function startAndStop(unpacked: Unpacked): Promise<void> {
  const served = await serveUpload(deno, unpacked, {});
  await served.stop();
}

test('a function deployed by the real CLI runs from nothing but its upload', async (t) => {
  const root = project(t, {
    'functions/hello/index.ts': `import { word } from '@lib/word.ts';\nDeno.serve(() => new Response(word));\n`,
    'lib/word.ts': `export const word: string = 'uploaded';\n`,
    'lib/unused.ts': `export const unused = 1;\n`,
  });
  const { api, run } = await deploy(t, root);
  assert.equal(run.code, 0, run.output);
  const upload = api.uploads.get('hello')!;
  assert.ok(upload.live);
  assert.equal(upload.metadata.verify_jwt, false);
  for (const path of ['functions/deno.json', 'functions/hello/index.ts', 'lib/word.ts'])
    assert.ok(upload.files.has(path), path);
  const unpacked = unpack(scratch(t), upload);
  assert.deepEqual(missingImports(deno, unpacked), []);
  const served = await serveUpload(deno, unpacked, {});
  t.after(() => served.stop());
  assert.equal(await (await fetch(served.url)).text(), 'uploaded');
  assert.deepEqual(api.unknown, []);
});

test('an import that was not uploaded is named with the file that wants it', async (t) => {
  const root = project(t, {
    'functions/hello/index.ts': `import { word } from '@lib/word.ts';\nDeno.serve(() => new Response(word));\n`,
    'lib/word.ts': `export const word = 'x';\n`,
  });
  const { api } = await deploy(t, root);
  const upload = api.uploads.get('hello')!;
  upload.files.delete('lib/word.ts');
  const unpacked = unpack(scratch(t), upload);
  assert.deepEqual(missingImports(deno, unpacked), [
    'lib/word.ts was not uploaded; functions/hello/index.ts imports it as @lib/word.ts',
  ]);
  await assert.rejects(startAndStop(unpacked), /hello did not start[\s\S]*lib\/word\.ts/);
});

test('a file the CLI does not find is missed when the function starts, and named', async (t) => {
  const root = project(t, {
    'functions/hello/index.ts': `const parts = ['..', '..', 'elsewhere', 'word.ts'];\nconst { word } = await import(parts.join('/'));\nDeno.serve(() => new Response(word));\n`,
    'lib/other.ts': `export const other = 1;\n`,
    'elsewhere/word.ts': `export const word = 'x';\n`,
  });
  const { api, run } = await deploy(t, root);
  assert.equal(run.code, 0, run.output);
  const unpacked = unpack(scratch(t), api.uploads.get('hello')!);
  await assert.rejects(startAndStop(unpacked), /hello did not start[\s\S]*elsewhere\/word\.ts/);
});

test('an upload over the limit fails the deployment and names the largest file', async (t) => {
  const root = project(t, {
    'functions/hello/index.ts': `import { big } from '@lib/big.ts';\nDeno.serve(() => new Response(big));\n`,
    'lib/big.ts': `export const big = '${'x'.repeat(5_000_000)}';\n`,
  });
  const { api, run } = await deploy(t, root);
  assert.notEqual(run.code, 0);
  assert.match(run.output, /more than the 5000000 allowed; its largest file is lib\/big\.ts/);
  assert.equal(api.uploads.size, 0);
});

test('a wrong access token is refused', async (t) => {
  const api = await startManagementApi({ ref: REF, accessToken: TOKEN });
  t.after(() => api.close());
  const answer = await fetch(`${api.url}/v1/projects/${REF}/functions`, {
    headers: { authorization: 'Bearer sbp_other' },
  });
  assert.equal(answer.status, 401);
});

test('npm pins of an import map become a manifest', () => {
  const map = JSON.stringify({
    imports: {
      hono: 'npm:hono@4.1.0',
      'hono/': 'npm:/hono@4.1.0/',
      '@a/b': 'npm:@a/b@1.2.3',
      '@lib/': '../lib/',
    },
  });
  assert.deepEqual(npmPins(map), { hono: '4.1.0', '@a/b': '1.2.3' });
});
