import type { ArrowFunctionExpression, Class, Function as FunctionNode, Node } from 'oxc-parser';
import { childNodes } from '../syntax_walk.ts';
import type { Analysis, Call, Place, Site } from './analysis.ts';
import { evaluateClass, evaluateFunction } from './functions.ts';
import { callMember, callNamed, constructNative } from './natives.ts';
import { ANY, NOTHING, type Token, type Var } from './solver.ts';

/** Adds the constraints of an expression and returns the variable that holds its values. */
export function evaluate(run: Analysis, node: Node | null | undefined, place: Place): Var {
  if (!node) return NOTHING;
  const { solver } = run;
  switch (node.type) {
    case 'Identifier': {
      if (node.name === 'undefined') return NOTHING;
      const found = place.scope.find(node.name);
      if (found !== undefined) return found;
      if (node.name === 'arguments') return run.holding(argumentsOf(run, place));
      return run.globals.declare(node.name);
    }
    case 'ThisExpression':
      return place.holder.self;
    case 'Super':
      return place.holder.self;
    case 'ArrayExpression': {
      const array = run.newObject('array');
      let spread = false;
      for (const [at, item] of node.elements.entries()) {
        if (!item) continue;
        if (item.type === 'SpreadElement') {
          const first = !spread;
          spread = true;
          const items = evaluate(run, item.argument, place);
          solver.each(items, (list) => {
            if (first && list.kind === 'array' && list.name === '') run.shift(list, array, at);
            else run.iterate(run.holding(list), solver.property(array, ANY));
          });
        } else solver.flow(evaluate(run, item, place), solver.property(array, spread ? ANY : String(at)));
      }
      return run.holding(array);
    }
    case 'ObjectExpression':
      return evaluateObject(run, node, place);
    case 'FunctionExpression':
    case 'FunctionDeclaration':
    case 'ArrowFunctionExpression':
      return run.holding(evaluateFunction(run, node as FunctionNode | ArrowFunctionExpression, place).token);
    case 'ClassExpression':
    case 'ClassDeclaration':
      return run.holding(evaluateClass(run, node as Class, place).token);
    case 'MemberExpression': {
      const base = evaluate(run, node.object, place);
      const name = propertyName(run, node, place);
      const result = solver.variable();
      run.read(base, name, result);
      return result;
    }
    case 'AssignmentExpression': {
      const value = evaluate(run, node.right, place);
      if (/^(?:=|\|\|=|&&=|\?\?=)$/.test(node.operator)) assign(run, node.left as Node, value, place);
      else evaluate(run, node.left as Node, place);
      if (node.operator === '=') return value;
      const either = solver.variable();
      solver.flow(value, either);
      solver.flow(evaluate(run, node.left as Node, place), either);
      return either;
    }
    case 'ConditionalExpression':
      evaluate(run, node.test, place);
      return join(run, [evaluate(run, node.consequent, place), evaluate(run, node.alternate, place)]);
    case 'LogicalExpression': {
      const left = evaluate(run, node.left, place);
      return join(run, [left, evaluate(run, node.right, place)]);
    }
    case 'SequenceExpression':
      return node.expressions.map((one) => evaluate(run, one, place)).at(-1) ?? NOTHING;
    case 'AwaitExpression': {
      const value = evaluate(run, node.argument, place);
      run.read(value, '@@rejected', place.thrown);
      return settled(run, value);
    }
    case 'YieldExpression': {
      const value = evaluate(run, node.argument, place);
      if (node.delegate) run.iterate(value, place.body.yields);
      else solver.flow(value, place.body.yields);
      return place.body.sent;
    }
    case 'CallExpression':
      return evaluateCall(run, node, place);
    case 'NewExpression':
      return evaluateNew(run, node, place);
    case 'TaggedTemplateExpression': {
      for (const one of node.quasi.expressions) evaluate(run, one, place);
      const args = [NOTHING, ...node.quasi.expressions.map((one) => evaluate(run, one, place))];
      return callTarget(run, node.tag, newSite(run, node, 'tag', place), { args }, place);
    }
    case 'ImportExpression':
      return importCall(run, node.source, place);
    case 'ParenthesizedExpression':
    case 'ChainExpression':
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'TSNonNullExpression':
    case 'TSTypeAssertion':
    case 'TSInstantiationExpression':
      return evaluate(run, node.expression, place);
    case 'JSXElement':
      return evaluateJsx(run, node, place);
    case 'JSXExpressionContainer':
      return evaluate(run, node.expression as Node, place);
    case 'JSXIdentifier':
      return place.scope.find(node.name) ?? run.globals.declare(node.name);
    case 'JSXMemberExpression': {
      const result = solver.variable();
      run.read(evaluate(run, node.object, place), node.property.name, result);
      return result;
    }
    case 'SpreadElement':
      return evaluate(run, node.argument, place);
    default:
      if (!node.type.startsWith('TS')) for (const child of childNodes(node)) evaluate(run, child, place);
      return NOTHING;
  }
}

export function join(run: Analysis, parts: Var[]): Var {
  const made = run.solver.variable();
  for (const part of parts) run.solver.flow(part, made);
  return made;
}

/** What a promise settles to. Promises are looked through: a value stands for itself. */
export function settled(run: Analysis, value: Var): Var {
  const result = run.solver.variable();
  run.solver.flow(value, result);
  run.read(value, '@@settled', result);
  return result;
}

function argumentsOf(run: Analysis, place: Place) {
  const { holder } = place;
  if (!holder.all) {
    holder.all = run.newObject('array', 'arguments');
    for (const [at, parameter] of holder.parameters.entries()) {
      run.solver.flow(parameter, run.solver.property(holder.all, String(at)));
    }
  }
  return holder.all;
}

/** Name of the property a member expression reads, `*` when it is not known. */
export function propertyName(run: Analysis, node: Node & { type: 'MemberExpression' }, place: Place): string {
  if (!node.computed) return (node.property as { name: string }).name;
  evaluate(run, node.property, place);
  return keyOf(node.property as Node, true, place) ?? ANY;
}

/** A property key as text; undefined when it is computed at run time. */
export function keyOf(key: Node, computed: boolean, place: Place): string | undefined {
  if (!computed && (key.type === 'Identifier' || key.type === 'PrivateIdentifier')) return key.name;
  if (key.type === 'Literal') return String(key.value);
  if (key.type === 'TemplateLiteral' && key.expressions.length === 0)
    return key.quasis[0]?.value.cooked ?? '';
  if (key.type === 'Identifier') return place.scope.literal(key.name);
  if (key.type === 'MemberExpression' && key.object.type === 'Identifier' && key.object.name === 'Symbol') {
    return key.property.type === 'Identifier' ? `@@${key.property.name}` : undefined;
  }
  return undefined;
}

/** Gives a value to a name, a property or every part of a pattern. */
export function assign(run: Analysis, target: Node, value: Var, place: Place): void {
  const { solver } = run;
  switch (target.type) {
    case 'Identifier':
      solver.flow(value, place.scope.find(target.name) ?? run.globals.declare(target.name));
      return;
    case 'MemberExpression':
      run.write(evaluate(run, target.object, place), propertyName(run, target, place), value);
      return;
    case 'ObjectPattern':
      for (const one of target.properties) {
        if (one.type === 'RestElement') {
          const rest = run.newObject();
          run.copy(value, rest);
          assign(run, one.argument as Node, run.holding(rest), place);
          continue;
        }
        const part = solver.variable();
        run.read(value, keyOf(one.key as Node, one.computed, place) ?? ANY, part);
        assign(run, one.value as Node, part, place);
      }
      return;
    case 'ArrayPattern': {
      const items = solver.variable();
      solver.each(value, (token) => {
        if (token.kind !== 'array') run.iterate(run.holding(token), items);
      });
      for (const [at, one] of target.elements.entries()) {
        if (!one) continue;
        if (one.type === 'RestElement') {
          const rest = run.newObject('array');
          solver.each(value, (list) => {
            if (list.kind === 'array' && list.name === '') run.shift(list, rest, -at);
            else run.iterate(run.holding(list), solver.property(rest, ANY));
          });
          assign(run, one.argument as Node, run.holding(rest), place);
          continue;
        }
        const part = solver.variable();
        solver.each(value, (token) => token.kind === 'array' && solver.read(token, String(at), part));
        solver.flow(items, part);
        assign(run, one as Node, part, place);
      }
      return;
    }
    case 'AssignmentPattern': {
      const either = join(run, [value, evaluate(run, target.right, place)]);
      assign(run, target.left as Node, either, place);
      return;
    }
    case 'TSParameterProperty': {
      const parameter = target.parameter as Node;
      assign(run, parameter, value, place);
      const name = parameter.type === 'AssignmentPattern' ? (parameter.left as Node) : parameter;
      if (name.type === 'Identifier')
        run.write(place.holder.self, name.name, place.scope.find(name.name) ?? value);
      return;
    }
    case 'ParenthesizedExpression':
    case 'TSAsExpression':
    case 'TSNonNullExpression':
      assign(run, target.expression, value, place);
      return;
  }
}

function evaluateObject(run: Analysis, node: Node & { type: 'ObjectExpression' }, place: Place): Var {
  const { solver } = run;
  const object = run.newObject();
  const method = (one: Node & { value: Node }) => {
    const span = { start: one.start, end: one.end };
    return evaluateFunction(run, one.value as FunctionNode, place, span, place.body, object);
  };
  for (const one of node.properties) {
    if (one.type === 'SpreadElement') {
      run.copy(evaluate(run, one.argument, place), object);
      continue;
    }
    const name = keyOf(one.key as Node, one.computed, place) ?? ANY;
    if (one.computed) evaluate(run, one.key as Node, place);
    const value =
      one.method || one.kind !== 'init'
        ? run.holding(method(one as Node & { value: Node }).token)
        : evaluate(run, one.value, place);
    if (one.kind !== 'init') {
      solver.accessors.add(name);
      solver.flow(value, solver.property(object, `${one.kind} ${name}`));
    } else if (name === '__proto__' && !one.computed && !one.shorthand) solver.flow(value, object.proto);
    else {
      solver.flow(value, solver.property(object, name));
      object.declared.add(name);
    }
  }
  return run.holding(object);
}

function newSite(run: Analysis, node: Node, kind: Site['kind'], place: Place): Site {
  const site: Site = {
    file: place.file,
    start: node.start,
    end: node.end,
    kind,
    caller: place.body,
    callees: new Set(),
    name: undefined,
    callee: NOTHING,
    base: NOTHING,
  };
  run.sites.push(site);
  return site;
}

function readArguments(run: Analysis, nodes: readonly Node[], place: Place): Pick<Call, 'args' | 'spread'> {
  const args: Var[] = [];
  let spread: Call['spread'];
  for (const node of nodes) {
    const value = evaluate(run, node, place);
    if (node.type === 'SpreadElement') {
      const isFirst = spread === undefined;
      spread ??= { from: args.length, lists: run.solver.variable(), items: run.solver.variable() };
      const { lists, items } = spread;
      run.solver.each(value, (list) => {
        if (isFirst && list.kind === 'array' && list.name !== 'Map' && list.name !== 'Set')
          run.solver.add(lists, list);
        else run.iterate(run.holding(list), items);
      });
    } else if (spread) run.solver.flow(value, spread.items);
    else args.push(value);
  }
  return spread ? { args, spread } : { args };
}

function evaluateCall(run: Analysis, node: Node & { type: 'CallExpression' }, place: Place): Var {
  const { solver } = run;
  const callee = bare(node.callee);
  if (callee.type === 'Super') {
    const site = newSite(run, node, 'super', place);
    const given = readArguments(run, node.arguments, place);
    const home = place.holder.outer ?? place.holder;
    const parents = solver.variable();
    solver.each(home.token.proto, (one) => solver.add(parents, one));
    solver.each(parents, (one) => {
      run.enter(one, { site, ...given, result: NOTHING, thrown: place.thrown });
      const above = run.bodies.get(one.id);
      if (!above) return;
      solver.flow(place.holder.self, above.self);
      solver.flow(above.returns, place.body.returns);
    });
    return place.holder.self;
  }
  if (
    callee.type === 'Identifier' &&
    callee.name === 'require' &&
    place.scope.find('require') === undefined
  ) {
    return requireCall(run, node.arguments[0], place);
  }
  const site = newSite(run, node, 'call', place);
  return callTarget(run, callee, site, readArguments(run, node.arguments, place), place);
}

function bare(node: Node): Node {
  return node.type === 'ParenthesizedExpression' ||
    node.type === 'ChainExpression' ||
    node.type === 'TSNonNullExpression' ||
    node.type === 'TSAsExpression'
    ? bare(node.expression)
    : node;
}

/** Calls what an expression names: a method with its object as `this`, or any value. */
function callTarget(
  run: Analysis,
  written: Node,
  site: Site,
  given: Pick<Call, 'args' | 'spread'>,
  place: Place,
): Var {
  const { solver } = run;
  const callee = bare(written);
  const result = solver.variable();
  const call: Call = { site, ...given, result, thrown: place.thrown };
  if (callee.type === 'MemberExpression') {
    const isSuper = callee.object.type === 'Super';
    const base = isSuper ? (place.holder.home?.proto ?? NOTHING) : evaluate(run, callee.object, place);
    const name = propertyName(run, callee, place);
    site.name = name === ANY ? undefined : name;
    site.base = base;
    site.callee = solver.variable();
    solver.each(base, (token) => {
      const found = solver.variable();
      run.read(run.holding(token), name, found);
      solver.flow(found, site.callee);
      if (isSuper) {
        solver.each(found, (one) => {
          run.enter(one, call);
          const body = run.bodies.get(one.id);
          if (body) solver.flow(place.holder.self, body.self);
        });
      } else run.call(found, call, token);
    });
    callMember(run, { name, base, object: callee.object, call, place });
    return result;
  }
  const target = evaluate(run, callee, place);
  site.callee = target;
  if (callee.type === 'Identifier') {
    site.name = callee.name;
    if (place.scope.find(callee.name) === undefined) callNamed(run, callee.name, call, place);
  }
  run.call(target, call);
  return result;
}

function evaluateNew(run: Analysis, node: Node & { type: 'NewExpression' }, place: Place): Var {
  const { solver } = run;
  const site = newSite(run, node, 'new', place);
  const callee = bare(node.callee);
  const given = readArguments(run, node.arguments, place);
  const result = solver.variable();
  const native =
    callee.type === 'Identifier' && place.scope.find(callee.name) === undefined ? callee.name : undefined;
  if (callee.type === 'Identifier') site.name = callee.name;
  if (native && constructNative(run, native, { site, ...given, result, thrown: place.thrown }, place))
    return result;
  const target = evaluate(run, callee, place);
  site.callee = target;
  solver.each(target, (token) => construct(run, token, { site, ...given, result, thrown: place.thrown }));
  return result;
}

/** `new F(…)`: an object of its own, with the prototype of F. */
export function construct(run: Analysis, token: Token, call: Call): void {
  const { solver } = run;
  const object = run.newObject();
  const prototypes = solver.variable();
  solver.read(token, 'prototype', prototypes);
  solver.flow(prototypes, object.proto);
  const body = run.bodies.get(token.id);
  run.enter(token, call, object); // what returns an object gives that instead
  solver.add(call.result, object);
  if (body?.kind === 'class' && !hasConstructor.has(body)) {
    // without a constructor of its own, the arguments go up
    solver.each(token.proto, (above) => {
      const parent = run.bodies.get(above.id);
      if (parent && parent.kind !== 'module') {
        solver.add(parent.self, object);
        run.pass(parent, call);
      }
    });
  }
}

/** Classes whose constructor is written out. */
export const hasConstructor = new WeakSet<object>();

function evaluateJsx(run: Analysis, node: Node & { type: 'JSXElement' }, place: Place): Var {
  const { openingElement, children } = node;
  const props = run.newObject();
  for (const one of openingElement.attributes) {
    if (one.type === 'JSXSpreadAttribute') run.copy(evaluate(run, one.argument, place), props);
    else if (one.value && one.name.type === 'JSXIdentifier') {
      run.solver.flow(evaluate(run, one.value as Node, place), run.solver.property(props, one.name.name));
    }
  }
  for (const child of children) evaluate(run, child as Node, place);
  const { name } = openingElement;
  const isComponent =
    name.type === 'JSXMemberExpression' || (name.type === 'JSXIdentifier' && /^[A-Z_$]/.test(name.name));
  if (!isComponent) {
    run.handOut(run.holding(props), place.body);
    return NOTHING;
  }
  const site = newSite(run, openingElement, 'jsx', place);
  const target = evaluate(run, name as Node, place);
  if (name.type === 'JSXIdentifier') site.name = name.name;
  site.callee = target;
  run.call(target, { site, args: [run.holding(props)], result: run.solver.variable() });
  return NOTHING;
}

function importCall(run: Analysis, source: Node, place: Place): Var {
  evaluate(run, source, place);
  return run.moduleAt(place.file, source.start, 'namespace');
}

function requireCall(run: Analysis, source: Node | undefined, place: Place): Var {
  if (!source) return NOTHING;
  evaluate(run, source, place);
  return run.moduleAt(place.file, source.start, 'exports');
}
