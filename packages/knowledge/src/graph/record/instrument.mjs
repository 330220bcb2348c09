// Makes a program tell who calls what, without changing what it does: every call hands its callee to a recorder
// after its arguments are evaluated (`f(a)` becomes `f(a, ...$cogo_f(3, f))`, where the spread is empty), and every
// function carries a comment by which the recorder knows it (`Function.prototype.toString` keeps comments). So no
// function is wrapped, `this`, names, arity and error texts stay, and what native code calls back is not mistaken for a
// call of the repository. Nothing adds a line, so stack traces keep theirs.
import { createHash } from 'node:crypto';
import { visitorKeys } from 'oxc-parser';
import { inside, originalPlaces } from './original_place.mjs';
import {
  afterDirectives,
  blanked,
  CLASSES,
  FUNCTIONS,
  getterNames,
  hasOptional,
  isPath,
  parseCode,
  unwrapped,
  WRAPPERS,
} from './syntax.mjs';

/** The recorder cannot record itself. */
const OWN = new URL('.', import.meta.url).href;

/**
 * @param {string} source what is about to run
 * @param {string} url of the file
 * @param {string} root real path of the repository
 * @returns {string | undefined} undefined where it is left alone: it cannot be parsed, is instrumented already, or
 *   neither calls anything nor can be called
 */
export function instrument(source, url, root) {
  if (source.includes('$cogo_f') || url.startsWith(OWN)) return undefined;
  const program = parseCode(source, url);
  if (!program) return undefined;
  const file = createHash('sha256').update(url).digest('hex').slice(0, 12);
  const getters = getterNames(program);
  const edits = [];
  const sites = [];
  const functions = [];
  let placeOf;
  let temporaries = 0;
  let order = 0;
  /** Closings go before openings at one place. */
  const put = (at, text, closes = false) => edits.push({ at, text, order: closes ? order++ : 1e9 + order++ });

  const top = { declared: [] };
  visit(program, { scope: top, chain: undefined, className: undefined });
  if (sites.length === 0 && functions.length === 0) return undefined;

  const { hashbang, body } = program;
  const begin = afterDirectives(body, hashbang ? source.indexOf('\n', hashbang.end) + 1 : 0);
  put(
    begin,
    `${begin > 0 ? ';' : ''}${declaration(top.declared)}${prelude(file, [sites, functions].map(tabled))}`,
    true,
  );
  edits.sort((a, b) => a.at - b.at || a.order - b.order);
  let code = '';
  let last = 0;
  for (const { at, text } of edits) {
    code += source.slice(last, at) + text;
    last = at;
  }
  return code + source.slice(last);

  /** Original places, five numbers each: which of `files`, line, column, end line, end column. */
  function tabled(spans) {
    placeOf ??= originalPlaces(source, url, root);
    const files = [];
    const numbers = spans.flatMap(([start, end]) => {
      const place = placeOf(start, end);
      if (!place) return [-1, 0, 0, 0, 0];
      let at = files.indexOf(place.file);
      if (at < 0) at = files.push(place.file) - 1;
      return [at, ...place.span];
    });
    return { files, numbers };
  }

  function visit(node, place) {
    if (node.type.startsWith('TS') && !WRAPPERS.has(node.type)) return;
    if (FUNCTIONS.has(node.type)) return visitFunction(node, place);
    if (CLASSES.has(node.type)) return visitClass(node, place);
    if (node.type === 'ChainExpression') return children(node, { ...place, chain: node });
    if (node.type === 'CallExpression' || node.type === 'NewExpression') return visitCall(node, place);
    if (node.type === 'TaggedTemplateExpression') return visitTag(node, place);
    if (node.type === 'Property' && node.method) mark(node, node.key, node.computed, node.value);
    // nothing calls an accessor by name
    else if (node.type === 'Property' && node.kind !== 'init') node.value.marked = true;
    children(node, place);
  }

  function children(node, place) {
    for (const key of visitorKeys[node.type] ?? []) {
      const value = node[key];
      if (Array.isArray(value)) {
        for (const one of value) if (one) visit(one, place);
      } else if (value) visit(value, place);
    }
  }

  /** A comment in the text of a function that is first in it, before any other function's. */
  function mark(node, key, computed, value) {
    if (value && !value.body) return;
    note(node, computed ? source.indexOf('[', key.start - 1 - gap(key.start)) + 1 : key.end);
    if (value) value.marked = true;
  }

  /** Blanks and comments before an offset. */
  function gap(offset) {
    return /(?:\s|\/\*[^*]*\*\/)*$/.exec(source.slice(Math.max(0, offset - 200), offset))[0].length;
  }

  function note(node, at) {
    functions.push([node.start, node.end]);
    put(at, `/*@cogo ${file}.${functions.length - 1}*/`);
  }

  function visitFunction(node, place) {
    if (!node.body || node.declare) return;
    if (!node.marked) {
      if (node.type !== 'ArrowFunctionExpression') note(node, source.indexOf('function', node.start) + 8);
      else if (node.async) note(node, node.start + 5);
      else {
        const first = node.typeParameters?.end ?? node.start;
        const open = source.indexOf('(', first);
        const paren = source.slice(first, open).trim() === '';
        note(node, paren ? open + 1 : node.params[0].end);
      }
    }
    for (const one of node.params) visit(one, { ...place, chain: undefined });
    const scope = { declared: [] };
    const inner = { ...place, scope, chain: undefined };
    if (node.body.type === 'BlockStatement') {
      children(node.body, inner);
      if (scope.declared.length > 0) {
        const at = afterDirectives(node.body.body, node.body.start + 1);
        put(at, `${at > node.body.start + 1 ? ';' : ''}${declaration(scope.declared)}`, true);
      }
    } else {
      const arrow = arrowEnd(node);
      const edit = { at: arrow, text: '', order: 1e9 + order++ };
      edits.push(edit);
      visit(node.body, inner);
      if (scope.declared.length > 0) {
        edit.text = `{${declaration(scope.declared)}return(`;
        put(node.end, ')}', true);
      }
    }
  }

  /** Offset after the `=>` of an arrow function with an expression. */
  function arrowEnd(node) {
    const from = node.returnType?.end ?? node.params.at(-1)?.end ?? node.start;
    const text = blanked(source.slice(from, node.body.start));
    return from + text.lastIndexOf('=>') + 2;
  }

  function visitClass(node, place) {
    if (node.declare) return;
    note(
      node,
      node.id ? node.id.start : source.indexOf('class', node.decorators?.at(-1)?.end ?? node.start) + 5,
    );
    for (const member of node.body.body) {
      const isMethod = member.type === 'MethodDefinition' && member.kind === 'method';
      if (isMethod) mark(member, member.key, member.computed, member.value);
      // a constructor is its class, and nothing calls an accessor by name
      else if (member.type === 'MethodDefinition') member.value.marked = true;
    }
    children(node, { ...place, chain: undefined, className: node.id?.name });
  }

  function visitCall(node, place) {
    const { callee } = node;
    const target = unwrapped(callee);
    const isNew = node.type === 'NewExpression';
    const inChain = isNew ? undefined : place.chain;
    const args = { ...place, chain: undefined };
    for (const one of node.arguments) visit(one, args);
    const told = tell(node, callee, target, isNew, { ...place, chain: inChain });
    if (told !== undefined) {
      const closing = node.end - 1;
      const from = node.arguments.at(-1)?.end ?? node.typeArguments?.end ?? callee.end;
      if (isNew && !blanked(source.slice(from, node.end)).includes(')')) put(node.end, `(${told})`, true);
      else {
        const comma = node.arguments.length > 0 && !blanked(source.slice(from, closing)).includes(',');
        put(closing, `${comma ? ',' : ''}${told}`, true);
      }
    }
  }

  /** What a call hands to the recorder, and the callee changed so that it can; undefined: nothing. */
  function tell(node, callee, target, isNew, place) {
    const site = () => sites.push([node.start, node.end]) - 1;
    if (target.type === 'Super') {
      return place.className ? `...$cogo_f(${site()},Object.getPrototypeOf(${place.className}))` : undefined;
    }
    if (target.type === 'Identifier') {
      return target.name === 'eval' || /^(?:import|require)$/.test(target.name)
        ? undefined
        : `...$cogo_f(${site()},${target.name})`;
    }
    const isMember = target.type === 'MemberExpression' && !isNew;
    if (isMember) {
      const { object, property, computed } = target;
      const plain = unwrapped(object);
      let receiver;
      if (plain.type === 'ThisExpression') receiver = 'this';
      else if (plain.type === 'Identifier') receiver = plain.name;
      else if (plain.type === 'Super') {
        if (computed) return void visit(property, { ...place, chain: undefined });
        if (getters.has(property.name)) return undefined;
        return `...$cogo_f(${site()},super.${property.name})`;
      } else if (place.chain && hasOptional(object)) {
        // inside `a?.b.c()` the object cannot be held without breaking the chain: read it again where that does nothing
        visit(object, place);
        if (computed) return void visit(property, { ...place, chain: undefined });
        if (!isPath(object)) return undefined;
        return `...$cogo_m(${site()},${source.slice(object.start, object.end)},${JSON.stringify(property.name)})`;
      } else receiver = hold(object, place);
      if (receiver === 'this' || plain.type === 'Identifier') visit(object, place);
      if (computed) {
        const name =
          property.type === 'Literal'
            ? source.slice(property.start, property.end)
            : hold(property, { ...place, chain: undefined });
        return `...$cogo_m(${site()},${receiver},${name})`;
      }
      if (property.type === 'PrivateIdentifier') {
        return getters.has(`#${property.name}`)
          ? undefined
          : `...$cogo_f(${site()},${receiver}.#${property.name})`;
      }
      return `...$cogo_m(${site()},${receiver},${JSON.stringify(property.name)})`;
    }
    if (FUNCTIONS.has(target.type) || CLASSES.has(target.type)) {
      visit(callee, place);
      const at = functions.findIndex(([start, end]) => start === target.start && end === target.end);
      return at < 0 ? undefined : `...$cogo_f(${site()},${at})`;
    }
    if (place.chain && hasOptional(callee)) return void visit(callee, place);
    if (target.type === 'Import' || target.type === 'MetaProperty') return void visit(callee, place);
    return `...$cogo_f(${site()},${hold(callee, place, isNew)})`;
  }

  /** Keeps the value of an expression in a variable of the function around it, and returns the variable's name. */
  function hold(node, place, isNew = false) {
    const name = `$cogo_${temporaries++}`;
    place.scope.declared.push(name);
    const { type } = unwrapped(node);
    // assigned to a variable, a function without a name would get the variable's
    const isNameless = FUNCTIONS.has(type) || CLASSES.has(type);
    // begins with a name, so that lines without semicolons end where they did; `new f(…)` means another thing
    put(node.start, `${isNew ? '' : ' $cogo_o'}(${name}=${isNameless ? '(0,' : ''}`);
    visit(node, place);
    put(node.end, isNameless ? '))' : ')', true);
    return name;
  }

  function visitTag(node, place) {
    const tag = unwrapped(node.tag);
    visit(node.quasi, { ...place, chain: undefined });
    if (tag.type !== 'Identifier') return visit(node.tag, place);
    const site = sites.push([node.start, node.end]) - 1;
    put(node.tag.start, ` $cogo_t(${site},`);
    put(node.tag.end, ')', true);
  }
}

/** What a loader hook gives out, instrumented if it is code of the repository. */
export function instrumentLoaded(loaded, url, root) {
  const { source, format } = loaded;
  // JSON and WebAssembly call nothing
  if (!source || !/^(?:module|commonjs)/.test(format ?? '') || inside(url, root) === undefined) return loaded;
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
  return { ...loaded, source: instrument(text, url, root) ?? source };
}

function declaration(names) {
  return names.length === 0 ? '' : `var ${names.join(',')};`;
}

/**
 * Function declarations, for a module's functions can run before its first statement does. Without a recorder (Node's
 * thread for loaders, contexts of `node:vm`) nothing is told.
 */
function prelude(file, [sites, functions]) {
  const none = '{call:()=>[],member:()=>[]}';
  const of = `globalThis[Symbol.for('cogo.trace')]?.file('${file}',${JSON.stringify(sites)},${JSON.stringify(functions)})`;
  return (
    `function $cogo_r(){return $cogo_r.r??=${of}??${none}}function $cogo_f(s,f){return $cogo_r().call(s,f)}` +
    'function $cogo_m(s,o,k){return $cogo_r().member(s,o,k)}function $cogo_o(v){return v}' +
    'function $cogo_t(s,f){$cogo_r().call(s,f);return f}$cogo_r();'
  );
}
