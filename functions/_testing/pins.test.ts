import assert from 'node:assert/strict';

const read = async (path: string) =>
  JSON.parse(await Deno.readTextFile(new URL(path, import.meta.url))) as {
    imports?: Record<string, string>;
    dependencies?: Record<string, string>;
    nodeModulesDir?: string;
  };

Deno.test('what is deployed (import map) and what is installed (package.json) pin the same versions', async () => {
  const { imports = {}, nodeModulesDir } = await read('../deno.json');
  const { dependencies = {} } = await read('../package.json');
  for (const [name, version] of Object.entries(dependencies)) {
    assert.match(version, /^\d+\.\d+\.\d+$/);
    assert.equal(imports[name], `npm:${name}@${version}`);
  }
  const pinned = Object.values(imports).filter(
    (target) => target.startsWith('npm:') && !target.startsWith('npm:/'),
  );
  assert.equal(pinned.length, Object.keys(dependencies).length);
  // The hosted bundler reads deno.json too and has no node_modules folder: the mode follows from package.json here.
  assert.equal(nodeModulesDir, undefined);
});
