import type { Node } from 'oxc-parser';
import type { Analysis, Call, Place } from './analysis.ts';
import { ANY, NOTHING, type Token, type Var } from './solver.ts';

/** What the language's own methods do with functions and collections. ECMAScript 2024, the part through which functions flow. */
export interface MemberCall {
  name: string;
  /** What the method is called on. */
  base: Var;
  object: Node;
  call: Call;
  place: Place;
}

/** First parameter's callbacks get (element, index, array). */
const EACH_ELEMENT = new Set([
  'forEach',
  'map',
  'filter',
  'find',
  'findIndex',
  'findLast',
  'some',
  'every',
  'flatMap',
]);
/** The result is, or holds, what the array holds. */
const SAME_ELEMENTS = new Set([
  'filter',
  'slice',
  'splice',
  'reverse',
  'sort',
  'toSorted',
  'toReversed',
  'flat',
  'fill',
  'concat',
  'with',
]);
const ONE_ELEMENT = new Set(['find', 'findLast', 'pop', 'shift', 'at']);
const ADDS = new Set(['push', 'unshift', 'add', 'fill']);

export function callMember(run: Analysis, one: MemberCall): void {
  const { name, base, call, place } = one;
  const { solver } = run;
  const [first = NOTHING, second = NOTHING] = call.args;
  if (callStatic(run, one)) return;
  if (name === 'then' || name === 'catch' || name === 'finally') {
    promiseCall(run, name, base, call, place);
    return;
  }
  solver.each(base, (token) => {
    const isFunction =
      token.kind === 'function' ||
      token.kind === 'class' ||
      token.kind === 'bound' ||
      token.kind === 'external';
    if (isFunction && name === 'call') {
      const passed = { ...call, args: call.args.slice(1), entered: new Set<number>() };
      run.enter(token, passed);
      flowSelf(run, token, first);
    } else if (isFunction && name === 'apply') applyFunction(run, token, call, first, second);
    else if (isFunction && name === 'bind') {
      const key = `${place.file}:${call.site?.start}`;
      solver.add(call.result, run.bind(token, first, call.args.slice(1), key));
    } else if (token.kind === 'array') arrayCall(run, token, one, second);
    else if (token.kind === 'generator') generatorCall(run, token, name, call, first);
  });
  // Whoever gets a function and is not known may call it.
  if (solver.isEmpty(base)) for (const given of call.args) run.handOut(given, place.body);
}

/** `f.apply(self, list)`. */
function applyFunction(run: Analysis, token: Token, call: Call, self: Var, list: Var): void {
  const { solver } = run;
  const items = solver.variable();
  run.enter(token, { ...call, args: [], spread: { from: 0, lists: list, items }, entered: new Set() });
  flowSelf(run, token, self);
}

function flowSelf(run: Analysis, token: Token, self: Var): void {
  const body = run.bodies.get(token.id);
  if (body) run.solver.flow(self, body.self);
}

function arrayCall(run: Analysis, array: Token, { name, call, place }: MemberCall, second: Var): void {
  const { solver } = run;
  const [first = NOTHING] = call.args;
  const isMap = array.name === 'Map';
  const itself = run.holding(array);
  const items = solver.variable();
  if (isMap) solver.flow(solver.property(array, '@@value'), items);
  else run.iterate(itself, items);
  if (EACH_ELEMENT.has(name)) {
    const returned = solver.variable();
    const index = isMap ? solver.property(array, '@@key') : array.name === 'Set' ? items : NOTHING;
    callback(run, first, { site: undefined, args: [items, index, itself], result: returned }, place, second);
    if (name === 'map' || name === 'flatMap') {
      const made = run.newObject('array');
      solver.flow(returned, solver.property(made, ANY));
      if (name === 'flatMap') run.iterate(returned, solver.property(made, ANY));
      solver.add(call.result, made);
    }
  }
  if (name === 'reduce' || name === 'reduceRight') {
    const sum = call.result;
    if (call.args.length > 1) solver.flow(second, sum);
    else solver.flow(items, sum);
    callback(run, first, { site: undefined, args: [sum, items, NOTHING, itself], result: sum }, place);
  }
  if (name === 'sort' || name === 'toSorted') {
    callback(run, first, { site: undefined, args: [items, items], result: NOTHING }, place);
  }
  if (ADDS.has(name)) {
    const given = array.name === 'Set' ? '@@item' : ANY;
    for (const value of call.args) solver.flow(value, solver.property(array, given));
    if (call.spread) solver.flow(call.spread.items, solver.property(array, given));
    if (name === 'add') solver.add(call.result, array);
  }
  if (name === 'splice')
    for (const value of call.args.slice(2)) solver.flow(value, solver.property(array, ANY));
  if (isMap && name === 'set') {
    solver.flow(first, solver.property(array, '@@key'));
    solver.flow(second, solver.property(array, '@@value'));
    solver.add(call.result, array);
  }
  if (isMap && name === 'get') solver.flow(items, call.result);
  if (SAME_ELEMENTS.has(name)) {
    const made = name === 'sort' || name === 'reverse' || name === 'fill' ? array : run.newObject('array');
    if (made !== array) {
      solver.eachProperty(array, (key, value) =>
        solver.flow(value, solver.property(made, name === 'slice' && call.args.length === 0 ? key : ANY)),
      );
      if (name === 'concat') {
        for (const value of call.args) {
          run.iterate(value, solver.property(made, ANY));
          solver.each(
            value,
            (token) => token.kind !== 'array' && solver.add(solver.property(made, ANY), token),
          );
        }
      }
      if (name === 'flat') run.iterate(items, solver.property(made, ANY));
    }
    solver.add(call.result, made);
  }
  if (ONE_ELEMENT.has(name)) solver.flow(items, call.result);
  if (name === 'values' || name === 'entries' || name === 'keys' || name === '@@iterator') {
    solver.add(
      call.result,
      iteratorOf(run, array, name === '@@iterator' ? (isMap ? 'entries' : 'values') : name, items),
    );
  }
}

/** The iterator of a collection, with one shape for `next()`, spread and for-of. */
function iteratorOf(run: Analysis, array: Token, what: string, items: Var): Token {
  const { solver } = run;
  const made = run.newObject('generator');
  const keys =
    array.name === 'Map' ? solver.property(array, '@@key') : array.name === 'Set' ? items : NOTHING;
  if (what === 'entries') {
    const pair = run.newObject('array');
    solver.flow(keys, solver.property(pair, '0'));
    solver.flow(items, solver.property(pair, '1'));
    solver.add(solver.property(made, '@@item'), pair);
  } else solver.flow(what === 'keys' ? keys : items, solver.property(made, '@@item'));
  return made;
}

function generatorCall(run: Analysis, token: Token, name: string, call: Call, first: Var): void {
  const { solver } = run;
  if (name === 'next') {
    const step = run.newObject();
    solver.flow(solver.property(token, '@@item'), solver.property(step, 'value'));
    solver.flow(solver.property(token, '@@return'), solver.property(step, 'value'));
    solver.flow(first, solver.property(token, '@@sent'));
    solver.add(call.result, step);
  } else if (name === 'return') {
    const step = run.newObject();
    solver.flow(first, solver.property(step, 'value'));
    solver.add(call.result, step);
  } else if (name === 'throw') solver.flow(first, call.thrown ?? NOTHING);
  else if (name === '@@iterator') solver.add(call.result, token);
}

function promiseCall(run: Analysis, name: string, base: Var, call: Call, place: Place): void {
  const { solver } = run;
  const [first = NOTHING, second = NOTHING] = call.args;
  const value = solver.variable();
  // What is no promise settles as itself.
  solver.flow(base, value);
  run.read(base, '@@settled', value);
  const failed = solver.variable();
  run.read(base, '@@rejected', failed);
  const resolved = solver.variable();
  const thrown = solver.variable();
  if (name === 'then') {
    callback(run, first, { site: undefined, args: [value], result: resolved, thrown }, place);
    if (second === NOTHING) solver.flow(failed, thrown);
    else callback(run, second, { site: undefined, args: [failed], result: resolved, thrown }, place);
  } else if (name === 'catch') {
    solver.flow(value, resolved);
    callback(run, first, { site: undefined, args: [failed], result: resolved, thrown }, place);
  } else {
    solver.flow(value, resolved);
    solver.flow(failed, thrown);
    callback(run, first, { site: undefined, args: [], result: NOTHING, thrown }, place);
  }
  solver.add(call.result, run.newPromise(resolved, thrown));
}

/** A native calls what it was given. */
function callback(run: Analysis, given: Var, call: Call, place: Place, self: Var = NOTHING): void {
  run.handOut(given, place.body);
  run.solver.each(given, (token) => {
    run.enter(token, call);
    if (self !== NOTHING) flowSelf(run, token, self);
  });
}

/** `Object.assign(…)`, `Promise.all(…)` and the like, where the object is the global one. True: it was one. */
function callStatic(run: Analysis, { name, object, call, place }: MemberCall): boolean {
  const { solver } = run;
  if (object.type === 'MemberExpression' && (name === 'call' || name === 'apply')) {
    // Array.prototype.slice.call(arguments)
    const method = object.property.type === 'Identifier' ? object.property.name : '';
    if (
      /^(?:slice|concat|filter)$/.test(method) &&
      place.text.slice(object.start, object.end).startsWith('Array.prototype')
    ) {
      solver.flow(call.args[0] ?? NOTHING, call.result);
      return true;
    }
    return false;
  }
  if (object.type !== 'Identifier' || place.scope.find(object.name) !== undefined) return false;
  const [first = NOTHING, second = NOTHING, third = NOTHING] = call.args;
  switch (`${object.name}.${name}`) {
    case 'Object.assign':
      solver.each(first, (target) => {
        for (const source of call.args.slice(1)) run.copy(source, target);
        if (call.spread) run.copy(call.spread.items, target);
      });
      solver.flow(first, call.result);
      return true;
    case 'Object.create': {
      const made = run.newObject();
      solver.flow(first, made.proto);
      defineAll(run, run.holding(made), second);
      solver.add(call.result, made);
      return true;
    }
    case 'Object.defineProperty':
    case 'Reflect.defineProperty': {
      const key = literalArgument(place, call, 1);
      define(run, first, key ?? ANY, third);
      solver.flow(first, call.result);
      return true;
    }
    case 'Object.defineProperties':
      defineAll(run, first, second);
      solver.flow(first, call.result);
      return true;
    case 'Object.setPrototypeOf':
    case 'Reflect.setPrototypeOf':
      solver.each(first, (target) => solver.flow(second, target.proto));
      solver.flow(first, call.result);
      return true;
    case 'Object.getPrototypeOf':
    case 'Reflect.getPrototypeOf':
      solver.each(first, (target) => solver.flow(target.proto, call.result));
      return true;
    case 'Object.freeze':
    case 'Object.seal':
    case 'Object.preventExtensions':
    case 'Promise.resolve':
      solver.flow(first, call.result);
      return true;
    case 'Object.values':
    case 'Object.entries': {
      const list = run.newObject('array');
      const values = solver.variable();
      solver.each(first, (source) =>
        solver.eachProperty(source, (_key, value) => solver.flow(value, values)),
      );
      if (name === 'values') solver.flow(values, solver.property(list, ANY));
      else {
        const pair = run.newObject('array');
        solver.flow(values, solver.property(pair, '1'));
        solver.add(solver.property(list, ANY), pair);
      }
      solver.add(call.result, list);
      return true;
    }
    case 'Object.fromEntries': {
      const made = run.newObject();
      const pairs = solver.variable();
      run.iterate(first, pairs);
      run.read(pairs, '1', solver.property(made, ANY));
      solver.add(call.result, made);
      return true;
    }
    case 'Array.from':
    case 'Promise.all':
    case 'Promise.allSettled':
    case 'Promise.race':
    case 'Promise.any': {
      const list = run.newObject('array');
      const items = solver.variable();
      run.iterate(first, items);
      run.read(items, '@@settled', items);
      const rejected = solver.variable();
      run.read(items, '@@rejected', rejected);
      if (name === 'from' && call.args.length > 1) {
        callback(run, second, { site: undefined, args: [items], result: solver.property(list, ANY) }, place);
      } else if (object.name === 'Array') solver.flow(items, solver.property(list, ANY));
      if (object.name === 'Array') solver.add(call.result, list);
      else {
        const one = name === 'race' || name === 'any';
        if (!one) solver.each(first, (given) => given.kind === 'array' && keepPlaces(run, given, list));
        solver.add(call.result, run.newPromise(one ? items : run.holding(list), rejected));
      }
      return true;
    }
    case 'Array.of': {
      const list = run.newObject('array');
      for (const [at, value] of call.args.entries()) solver.flow(value, solver.property(list, String(at)));
      solver.add(call.result, list);
      return true;
    }
    case 'Promise.reject':
      solver.add(call.result, run.newPromise(NOTHING, first));
      return true;
    case 'Reflect.apply':
      solver.each(first, (token) => applyFunction(run, token, call, second, third));
      return true;
    case 'Reflect.get':
      run.read(first, literalArgument(place, call, 1) ?? ANY, call.result);
      return true;
    default:
      return false;
  }
}

/** `Promise.all`: each settles at its own place. */
function keepPlaces(run: Analysis, from: Token, to: Token): void {
  const { solver } = run;
  solver.eachProperty(from, (name, value) => {
    if (name !== ANY && !/^\d+$/.test(name)) return;
    solver.flow(value, solver.property(to, name));
    run.read(value, '@@settled', solver.property(to, name));
  });
}

function literalArgument(place: Place, call: Call, at: number): string | undefined {
  if (!call.site) return undefined;
  const source = place.text.slice(call.site.start, call.site.end);
  const match = /^[^(]*\(\s*[^,()]*,\s*(["'])([^"'\\]*)\1/.exec(source);
  return at === 1 ? match?.[2] : undefined;
}

function define(run: Analysis, target: Var, name: string, descriptor: Var): void {
  const { solver } = run;
  const value = solver.variable();
  run.read(descriptor, 'value', value);
  run.write(target, name, value);
  for (const kind of ['get', 'set']) {
    const accessor = solver.variable();
    run.read(descriptor, kind, accessor);
    solver.each(accessor, () => solver.accessors.add(name));
    solver.each(target, (token) => solver.flow(accessor, solver.property(token, `${kind} ${name}`)));
  }
  solver.accessors.add(name);
}

function defineAll(run: Analysis, target: Var, descriptors: Var): void {
  run.solver.each(descriptors, (all) =>
    run.solver.eachProperty(all, (name, value) => !/^[gs]et /.test(name) && define(run, target, name, value)),
  );
}

/** A call of a global function by name. */
export function callNamed(run: Analysis, name: string, call: Call, place: Place): void {
  const [first = NOTHING] = call.args;
  if (/^(?:setTimeout|setInterval|setImmediate|queueMicrotask|requestAnimationFrame)$/.test(name)) {
    callback(
      run,
      first,
      { site: undefined, args: call.args.slice(name === 'queueMicrotask' ? 1 : 2), result: NOTHING },
      place,
    );
  } else if (name === 'Object') run.solver.flow(first, call.result);
  else for (const given of call.args) run.handOut(given, place.body);
}

/** `new Map(…)` and the like. True: it was one. */
export function constructNative(run: Analysis, name: string, call: Call, place: Place): boolean {
  const { solver } = run;
  const [first = NOTHING] = call.args;
  switch (name) {
    case 'Map':
    case 'WeakMap': {
      const made = run.newObject('array', 'Map');
      const pairs = solver.variable();
      run.iterate(first, pairs);
      run.read(pairs, '0', solver.property(made, '@@key'));
      run.read(pairs, '1', solver.property(made, '@@value'));
      const pair = run.newObject('array');
      solver.flow(solver.property(made, '@@key'), solver.property(pair, '0'));
      solver.flow(solver.property(made, '@@value'), solver.property(pair, '1'));
      solver.add(solver.property(made, '@@item'), pair);
      solver.add(call.result, made);
      return true;
    }
    case 'Set':
    case 'WeakSet': {
      const made = run.newObject('array', 'Set');
      run.iterate(first, solver.property(made, '@@item'));
      solver.add(call.result, made);
      return true;
    }
    case 'Array': {
      const made = run.newObject('array');
      for (const [at, value] of call.args.entries()) solver.flow(value, solver.property(made, String(at)));
      solver.add(call.result, made);
      return true;
    }
    case 'Promise': {
      const value = solver.variable();
      const rejected = solver.variable();
      const settle = (into: Var, name: string) => {
        const made = run.newBody('function', { file: '', start: 0, end: 0 }, name);
        made.parameters.push(into);
        return run.holding(made.token);
      };
      const args = [settle(value, 'resolve'), settle(rejected, 'reject')];
      callback(run, first, { site: undefined, args, result: NOTHING, thrown: rejected }, place);
      const promise = run.newPromise(value, rejected);
      solver.add(call.result, promise);
      return true;
    }
    case 'Proxy':
      solver.flow(first, call.result);
      return true;
    default:
      return false;
  }
}
