import type { ArrowFunctionExpression, Class, Function as FunctionNode, Node } from 'oxc-parser';
import { type Analysis, type Body, methodStart, type Place } from './analysis.ts';
import { assign, evaluate, hasConstructor, keyOf } from './expressions.ts';
import { boundNames, hoistedNames, Scope } from './scope.ts';
import { ANY, NOTHING, type Token, type Var } from './solver.ts';
import { executeAll } from './statements.ts';

/** A function with its body; `span` when more than the function itself counts as it (a method with its name). */
export function evaluateFunction(
  run: Analysis,
  node: FunctionNode | ArrowFunctionExpression,
  place: Place,
  span: { start: number; end: number } = node,
  owner: Body = place.body,
  home?: Token,
): Body {
  const { solver } = run;
  const isArrow = node.type === 'ArrowFunctionExpression';
  const own = 'id' in node ? node.id?.name : undefined;
  const body = run.newBody(
    'function',
    { file: place.file, start: span.start, end: span.end, outer: owner },
    own ?? '',
  );
  const prototype = run.newObject();
  if (!isArrow) solver.add(solver.property(body.token, 'prototype'), prototype);
  solver.add(solver.property(prototype, 'constructor'), body.token);
  body.prototype = prototype;
  if (home) body.home = home;
  enterBody(run, node, body, place, isArrow ? place.holder : body);
  return body;
}

/** Parameters and statements of a function into a body that exists already (a class has its constructor's). */
function enterBody(
  run: Analysis,
  node: FunctionNode | ArrowFunctionExpression,
  body: Body,
  place: Place,
  holder: Body,
): void {
  const { solver } = run;
  body.isGenerator = 'generator' in node && node.generator;
  body.isAsync = node.async;
  const scope = new Scope(solver, place.scope);
  if (node.type === 'FunctionExpression' && node.id) solver.add(scope.declare(node.id.name), body.token);
  const inside: Place = { ...place, scope, body, holder, thrown: body.throws };
  for (const parameter of node.params) for (const name of boundNames(parameter as Node)) scope.declare(name);
  for (const name of node.body ? hoistedNames(node.body as Node) : []) scope.declare(name);
  // Parameters first: a body that reads `arguments` finds them.
  const patterns: Array<() => void> = [];
  for (const [at, parameter] of node.params.entries()) {
    if (parameter.type === 'RestElement') {
      const array = run.newObject('array');
      body.rest = { from: at, array };
      patterns.push(() => assign(run, parameter.argument as Node, run.holding(array), inside));
      continue;
    }
    const given = solver.variable();
    body.parameters.push(given);
    if (run.openWorld) solver.flow(typedValue(run, parameter as Node, inside), given);
    patterns.push(() => assign(run, parameter as Node, given, inside));
  }
  for (const one of patterns) one();
  if (!node.body) return;
  if (node.body.type === 'BlockStatement') executeAll(run, node.body.body, inside);
  else solver.flow(evaluate(run, node.body as Node, inside), body.returns);
}

/** A class: its constructor is the class itself, as a call site sees it. */
export function evaluateClass(run: Analysis, node: Class, place: Place): Body {
  const { solver } = run;
  const name = node.id?.name ?? '';
  const body = run.newBody(
    'class',
    { file: place.file, start: node.start, end: node.end, outer: place.body },
    name,
  );
  const prototype = run.newObject('object', `${name}.prototype`);
  body.prototype = prototype;
  solver.add(solver.property(body.token, 'prototype'), prototype);
  body.token.declared.add('prototype');
  solver.add(solver.property(prototype, 'constructor'), body.token);
  const scope = new Scope(solver, place.scope);
  if (name !== '') solver.add(scope.declare(name), body.token);
  const inside: Place = { ...place, scope };
  if (node.superClass) {
    const parents = evaluate(run, node.superClass, inside);
    solver.flow(parents, body.token.proto);
    run.read(parents, 'prototype', prototype.proto);
  }
  if (run.openWorld) run.instanceOf(body);
  for (const member of node.body.body) {
    if (member.type === 'StaticBlock') {
      executeAll(run, member.body, { ...inside, holder: staticHolder(body, run) });
      continue;
    }
    if (!('key' in member) || member.type.startsWith('TS')) continue;
    const isStatic = 'static' in member && member.static;
    const target = isStatic ? body.token : prototype;
    const key = keyOf(member.key as Node, member.computed, inside) ?? ANY;
    if (member.computed) evaluate(run, member.key as Node, inside);
    if (member.type === 'MethodDefinition') {
      const value = member.value as FunctionNode;
      if (member.kind === 'constructor') {
        if (!value.body) continue;
        hasConstructor.add(body);
        enterBody(run, value, body, { ...inside, body }, constructorHolder(body));
        continue;
      }
      const span = {
        start: methodStart(member as Parameters<typeof methodStart>[0], place.text),
        end: member.end,
      };
      const method = evaluateFunction(run, value, inside, span, body, target);
      if (value.body === null) continue;
      const property = member.kind === 'method' ? key : `${member.kind} ${key}`;
      if (member.kind !== 'method') solver.accessors.add(key);
      else target.declared.add(key);
      solver.add(solver.property(target, property), method.token);
      if (run.openWorld) {
        if (isStatic) solver.add(method.self, body.token);
        else solver.flow(body.self, method.self);
      }
    } else if (member.type === 'PropertyDefinition' || member.type === 'AccessorProperty') {
      const holder = isStatic ? staticHolder(body, run) : constructorHolder(body);
      const value = evaluate(run, member.value as Node | null, { ...inside, body, holder });
      if (run.openWorld && !isStatic) run.write(body.self, key, typedValue(run, member, inside));
      if (isStatic) solver.flow(value, solver.property(target, key));
      else run.write(body.self, key, value);
    }
  }
  return body;
}

/** What a parameter or field holds by its type annotation: an instance of the class or interface named there. */
export function typedValue(run: Analysis, node: Node, place: Place): Var {
  const target = node.type === 'AssignmentPattern' ? (node.left as Node) : node;
  const inner = target.type === 'TSParameterProperty' ? (target.parameter as Node) : target;
  const annotation =
    'typeAnnotation' in inner ? (inner.typeAnnotation as { typeAnnotation?: Node } | null) : null;
  const type = annotation?.typeAnnotation;
  if (type?.type !== 'TSTypeReference' || type.typeName.type !== 'Identifier') return NOTHING;
  const { solver } = run;
  const { name } = type.typeName;
  const made = solver.variable();
  const value = place.scope.find(name);
  if (value !== undefined) {
    solver.each(value, (token) => {
      const body = run.bodies.get(token.id);
      if (body?.kind === 'class') solver.add(made, run.instanceOf(body));
      else if (token.kind === 'external') solver.add(made, solver.externalToken(token.name, true));
    });
  }
  const key = run.typeNames.get(name);
  if (key !== undefined) solver.add(made, solver.externalToken(key, true));
  return made;
}

/** In a constructor and in fields `this` is the new object, and `super` what is above the class. */
function constructorHolder(body: Body): Body {
  const home = body.prototype ?? body.token;
  return Object.assign(Object.create(body) as Body, { outer: body, home });
}

/** In static fields and blocks `this` is the class. */
function staticHolder(body: Body, run: Analysis): Body {
  return Object.assign(Object.create(body) as Body, {
    self: run.holding(body.token),
    outer: body,
    home: body.token,
  });
}
