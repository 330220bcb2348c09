import type { Node } from 'oxc-parser';
import { childNodes } from '../syntax_walk.ts';
import type { Analysis, Place } from './analysis.ts';
import { assign, evaluate } from './expressions.ts';
import { evaluateClass, evaluateFunction } from './functions.ts';
import { blockNames, boundNames, Scope } from './scope.ts';
import { NOTHING } from './solver.ts';

/** The statements of a body whose names are declared here. */
export function executeAll(run: Analysis, statements: readonly Node[], place: Place): void {
  for (const name of blockNames(statements)) place.scope.declare(name);
  for (const statement of statements) noteLiterals(statement, place);
  // Functions are there before the first statement runs.
  for (const statement of statements) {
    const node = unexported(statement);
    if (node.type !== 'FunctionDeclaration' || !node.body) continue;
    const body = evaluateFunction(run, node, place);
    const name = node.id?.name ?? 'default';
    run.solver.add(place.scope.declare(name), body.token);
  }
  for (const statement of statements) execute(run, statement, place);
}

function unexported(statement: Node): Node {
  const isExport =
    statement.type === 'ExportNamedDeclaration' || statement.type === 'ExportDefaultDeclaration';
  return isExport && statement.declaration ? (statement.declaration as Node) : statement;
}

function noteLiterals(statement: Node, place: Place): void {
  const node = unexported(statement);
  if (node.type !== 'VariableDeclaration' || node.kind !== 'const') return;
  for (const { id, init } of node.declarations) {
    if (id.type === 'Identifier' && init?.type === 'Literal' && typeof init.value === 'string') {
      place.scope.setLiteral(id.name, init.value);
    }
  }
}

function block(run: Analysis, statements: readonly Node[], place: Place): void {
  executeAll(run, statements, { ...place, scope: new Scope(run.solver, place.scope) });
}

export function execute(run: Analysis, node: Node, place: Place): void {
  const { solver } = run;
  switch (node.type) {
    case 'ExportNamedDeclaration':
      if (node.declaration) execute(run, node.declaration as Node, place);
      return;
    case 'ExportDefaultDeclaration': {
      const { declaration } = node;
      if (declaration.type === 'FunctionDeclaration') return;
      if (declaration.type === 'ClassDeclaration') {
        const body = evaluateClass(run, declaration, place);
        solver.add(place.scope.declare(declaration.id?.name ?? 'default'), body.token);
      } else solver.flow(evaluate(run, declaration as Node, place), place.scope.declare('default'));
      return;
    }
    case 'FunctionDeclaration':
      return;
    case 'ClassDeclaration':
      solver.add(place.scope.declare(node.id?.name ?? ''), evaluateClass(run, node, place).token);
      return;
    case 'VariableDeclaration':
      for (const one of node.declarations) {
        if (one.init) assign(run, one.id as Node, evaluate(run, one.init, place), place);
      }
      return;
    case 'ExpressionStatement':
      evaluate(run, node.expression, place);
      return;
    case 'ReturnStatement': {
      solver.flow(evaluate(run, node.argument, place), place.body.returns);
      return;
    }
    case 'ThrowStatement':
      solver.flow(evaluate(run, node.argument, place), place.thrown);
      return;
    case 'BlockStatement':
      block(run, node.body, place);
      return;
    case 'IfStatement':
      evaluate(run, node.test, place);
      execute(run, node.consequent, place);
      if (node.alternate) execute(run, node.alternate, place);
      return;
    case 'ForStatement': {
      const inside = { ...place, scope: new Scope(solver, place.scope) };
      if (node.init?.type === 'VariableDeclaration') executeAll(run, [node.init], inside);
      else evaluate(run, node.init as Node | null, inside);
      evaluate(run, node.test, inside);
      evaluate(run, node.update, inside);
      execute(run, node.body, inside);
      return;
    }
    case 'ForOfStatement':
    case 'ForInStatement': {
      const inside = { ...place, scope: new Scope(solver, place.scope) };
      const source = evaluate(run, node.right, place);
      const item = solver.variable();
      if (node.type === 'ForOfStatement') run.iterate(source, item);
      const { left } = node;
      if (left.type === 'VariableDeclaration') {
        for (const one of left.declarations) {
          if (left.kind !== 'var') for (const name of boundNames(one.id)) inside.scope.declare(name);
          assign(run, one.id as Node, item, inside);
        }
      } else assign(run, left as Node, item, inside);
      execute(run, node.body, inside);
      return;
    }
    case 'TryStatement': {
      const caught = node.handler ? solver.variable() : place.thrown;
      execute(run, node.block, { ...place, thrown: caught });
      if (node.handler) {
        const inside = { ...place, scope: new Scope(solver, place.scope) };
        if (node.handler.param) {
          for (const name of boundNames(node.handler.param as Node)) inside.scope.declare(name);
          assign(run, node.handler.param as Node, caught, inside);
        }
        execute(run, node.handler.body, inside);
      }
      if (node.finalizer) execute(run, node.finalizer, place);
      return;
    }
    case 'SwitchStatement':
      evaluate(run, node.discriminant, place);
      for (const one of node.cases) evaluate(run, one.test, place);
      block(
        run,
        node.cases.flatMap((one) => one.consequent as Node[]),
        place,
      );
      return;
    case 'TSModuleDeclaration':
      namespace(run, node, place);
      return;
    case 'TSEnumDeclaration':
      solver.add(place.scope.declare(node.id.name), run.newObject('object', node.id.name));
      return;
    case 'TSExportAssignment':
      run.write(run.moduleObject(place.file), 'exports', evaluate(run, node.expression, place));
      return;
    case 'TSImportEqualsDeclaration': {
      const target = node.moduleReference;
      const isModule = target.type === 'TSExternalModuleReference';
      const value = isModule ? run.moduleAt(place.file, target.expression.start, 'exports') : NOTHING;
      solver.flow(value, place.scope.declare(node.id.name));
      return;
    }
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
      return;
    default:
      if (node.type.startsWith('TS')) return;
      for (const child of childNodes(node)) {
        if (/Statement$|Declaration$/.test(child.type)) execute(run, child, place);
        else evaluate(run, child, place);
      }
  }
}

/** `namespace N { export … }`: an object whose properties are what it exports. */
function namespace(run: Analysis, node: Node & { type: 'TSModuleDeclaration' }, place: Place): void {
  if (node.id.type !== 'Identifier' || !node.body || !('body' in node.body)) return;
  const scope = new Scope(run.solver, place.scope);
  const statements = node.body.body as Node[];
  executeAll(run, statements, { ...place, scope });
  const object = run.newObject('object', node.id.name);
  for (const statement of statements) {
    if (statement.type !== 'ExportNamedDeclaration') continue;
    for (const name of exportedNames(statement)) {
      run.solver.flow(scope.declare(name), run.solver.property(object, name));
      object.declared.add(name);
    }
  }
  run.solver.add(place.scope.declare(node.id.name), object);
}

function exportedNames(statement: Node): string[] {
  const node = unexported(statement);
  return node.type === 'VariableDeclaration'
    ? node.declarations.flatMap((one) => boundNames(one.id))
    : blockNames([node]);
}
