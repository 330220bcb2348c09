// node typescript_resolver.cjs PEERS REPO SRC: `from to` of every module reference TypeScript's own resolver finds, as JSON. Each file
// is resolved with the options of the nearest tsconfig.json above it, bundler style where the config names an older way.
const fs = require('node:fs');
const path = require('node:path');
const [, , peers, repo, src] = process.argv;
const ts = require(path.join(peers, 'node_modules/typescript'));

const root = fs.realpathSync(repo);
const configs = new Map();
function optionsOf(folder) {
  if (configs.has(folder)) return configs.get(folder);
  const file = path.join(folder, 'tsconfig.json');
  let options = {};
  if (fs.existsSync(file)) {
    const read = ts.readConfigFile(file, ts.sys.readFile);
    options = ts.parseJsonConfigFileContent(read.config ?? {}, { ...ts.sys, readDirectory: () => [] }, folder, undefined, file).options;
  } else if (folder !== root) options = optionsOf(path.dirname(folder));
  configs.set(folder, options);
  return options;
}

const edges = new Set();
(function visitFolder(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules' && !entry.name.startsWith('.')) visitFolder(file);
    } else if (/\.[cm]?tsx?$/.test(entry.name)) visitFile(file);
  }
})(path.join(root, src));
process.stdout.write(JSON.stringify([...edges]));

function visitFile(file) {
  const options = { ...optionsOf(path.dirname(file)), allowJs: true, resolveJsonModule: true };
  if (!options.moduleResolution || options.moduleResolution < 3) {
    options.moduleResolution = ts.ModuleResolutionKind.Bundler;
    options.module = ts.ModuleKind.ESNext;
  }
  const source = ts.createSourceFile(file, fs.readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found = [];
  (function visit(node) {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) found.push(node.moduleSpecifier);
    else if (ts.isCallExpression(node) && node.arguments.length > 0) {
      const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword;
      const isRequire = ts.isIdentifier(node.expression) && node.expression.text === 'require';
      if (isImport || isRequire) found.push(node.arguments[0]);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) found.push(node.argument.literal);
    else if (ts.isExternalModuleReference(node)) found.push(node.expression);
    else if (ts.isModuleDeclaration(node) && ts.isStringLiteral(node.name) && ts.isExternalModule(source)) found.push(node.name);
    ts.forEachChild(node, visit);
  })(source);
  for (const one of found) {
    if (!ts.isStringLiteralLike(one)) continue;
    const target = ts.resolveModuleName(one.text, file, options, ts.sys).resolvedModule?.resolvedFileName;
    if (!target || target.includes('/node_modules/')) continue;
    const real = fs.realpathSync(target);
    if (real.startsWith(root + path.sep) && real !== file) {
      edges.add(`${path.relative(root, file)} ${path.relative(root, real)}`.split(path.sep).join('/'));
    }
  }
}
