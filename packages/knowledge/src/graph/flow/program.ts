import type { Node, Program } from 'oxc-parser';
import { Analysis, type Body, type Place, type Site } from './analysis.ts';
import { boundNames, blockNames, hoistedNames, Scope } from './scope.ts';
import { NOTHING, type Token, type Var } from './solver.ts';
import { executeAll } from './statements.ts';

/** Steps for one file alone: some 50 ms. Generated parsers and long test files run into it. */
const OPEN_BUDGET = 100_000;

export interface ProgramFile {
  path: string;
  text: string;
  program: Program;
  isModule: boolean;
  /** Files that specifiers lead to, by the specifier's offset; several for a computed one. */
  imports: ReadonlyMap<number, readonly string[]>;
}

export interface ProgramCalls {
  run: Analysis;
  sites: Site[];
  bodies: ReadonlyMap<number, Body>;
  /** Body of each file's top level. */
  modules: ReadonlyMap<string, Body>;
}

/**
 * Which function every call of some files may reach, the files taken together. `open`: what they import and is not
 * among them stands for itself (an external token), and others may call them.
 */
export function analyseProgram(
  files: readonly ProgramFile[],
  open?: { typeNames: ReadonlyMap<string, string> },
): ProgramCalls {
  const run = new Analysis();
  if (open) {
    run.openWorld = true;
    for (const [name, key] of open.typeNames) run.typeNames.set(name, key);
  }
  const { solver } = run;
  const byPath = new Map(files.map((file) => [file.path, file]));
  const modules = new Map<string, Body>();
  const scopes = new Map<string, Scope>();
  for (const { path } of files) {
    const namespace = run.newObject('object', `namespace ${path}`);
    run.namespaces.set(path, namespace);
    const module = run.newObject('object', 'module');
    run.modules.set(path, module);
    solver.add(solver.property(module, 'exports'), run.newObject('object', 'exports'));
  }
  run.moduleAt = (file, start, what) => {
    const result = solver.variable();
    for (const target of byPath.get(file)?.imports.get(start) ?? []) {
      solver.flow(what === 'exports' ? exportsOf(target) : namespaceOf(target), result);
    }
    return result;
  };
  for (const file of files) {
    const { path, program, text } = file;
    const body = run.newBody('module', { file: path, start: 0, end: text.length }, path);
    modules.set(path, body);
    const scope = new Scope(solver, file.isModule ? undefined : scriptScope(path));
    scopes.set(path, scope);
    const statements = program.body as Node[];
    for (const name of [...hoistedNames(program as Node), ...blockNames(statements)]) scope.declare(name);
    if (!file.isModule) solver.flow(solver.property(run.modules.get(path)!, 'exports'), body.self);
    declareImports(file, scope);
    const place: Place = { scope, body, holder: body, file: path, text, thrown: body.throws };
    executeAll(run, statements, place);
    declareExports(file, scope);
  }
  solver.solve(open ? OPEN_BUDGET : undefined);
  return { run, sites: run.sites, bodies: run.bodies, modules };

  function scriptScope(path: string): Scope {
    const scope = new Scope(solver);
    const module = run.modules.get(path)!;
    solver.add(scope.declare('module'), module);
    scope.alias('exports', solver.property(module, 'exports'));
    return scope;
  }

  function exportsOf(path: string): Var {
    const file = byPath.get(path);
    if (!file) return outside(path);
    return file.isModule
      ? run.holding(run.namespaces.get(path)!)
      : solver.property(run.modules.get(path)!, 'exports');
  }

  /** What `import * as x` gives; of a script its exports, which are also the default. */
  function namespaceOf(path: string): Var {
    const file = byPath.get(path);
    if (!file) return outside(path);
    const namespace = run.namespaces.get(path)!;
    if (!file.isModule) {
      const exported = solver.property(run.modules.get(path)!, 'exports');
      solver.flow(exported, solver.property(namespace, 'default'));
      solver.flow(exported, namespace.proto);
    }
    return run.holding(namespace);
  }

  function outside(path: string): Var {
    return open ? run.holding(solver.externalToken(path)) : NOTHING;
  }

  function declareImports({ program, imports }: ProgramFile, scope: Scope): void {
    for (const node of program.body) {
      if (node.type !== 'ImportDeclaration' || node.importKind === 'type') continue;
      for (const target of imports.get(node.source.start) ?? []) {
        const namespace = namespaceOf(target);
        for (const one of node.specifiers) {
          const local = scope.declare(one.local.name);
          if (one.type === 'ImportNamespaceSpecifier') solver.flow(namespace, local);
          else if (one.type === 'ImportDefaultSpecifier') run.read(namespace, 'default', local);
          else run.read(namespace, nameOf(one.imported as Node), local);
        }
      }
    }
  }

  function declareExports({ path, program, imports }: ProgramFile, scope: Scope): void {
    const namespace = run.namespaces.get(path)!;
    const give = (name: string, value: Var) => {
      solver.flow(value, solver.property(namespace, name));
    };
    for (const node of program.body) {
      if (node.type === 'ExportDefaultDeclaration') {
        const { declaration } = node;
        const own =
          'id' in declaration && declaration.id?.type === 'Identifier' ? declaration.id.name : 'default';
        const isNamed = declaration.type === 'FunctionDeclaration' || declaration.type === 'ClassDeclaration';
        give('default', scope.declare(isNamed ? own : 'default'));
      } else if (node.type === 'ExportAllDeclaration') {
        for (const target of imports.get(node.source.start) ?? []) {
          if (node.exported) give(nameOf(node.exported as Node), namespaceOf(target));
          else solver.flow(namespaceOf(target), namespace.proto);
        }
      } else if (node.type === 'ExportNamedDeclaration') {
        if (node.declaration) {
          const declared = node.declaration as Node;
          const names =
            declared.type === 'VariableDeclaration'
              ? declared.declarations.flatMap((one) => boundNames(one.id))
              : blockNames([declared]);
          for (const name of names) give(name, scope.declare(name));
        }
        for (const one of node.specifiers) {
          const exported = nameOf(one.exported as Node);
          const local = nameOf(one.local as Node);
          if (node.source) {
            for (const target of imports.get(node.source.start) ?? []) {
              run.read(namespaceOf(target), local, solver.property(namespace, exported));
            }
          } else give(exported, scope.find(local) ?? NOTHING);
        }
      }
    }
  }
}

function nameOf(node: Node): string {
  return node.type === 'Literal' ? String(node.value) : node.type === 'Identifier' ? node.name : '';
}

export type { Token };
