// What instrument.mjs asks of a syntax tree (ESTree, as oxc-parser gives it).
import { parseSync, visitorKeys } from 'oxc-parser';

const LANGUAGES = { '.ts': 'ts', '.mts': 'ts', '.cts': 'ts', '.tsx': 'tsx', '.jsx': 'jsx' };
export const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);
export const CLASSES = new Set(['ClassDeclaration', 'ClassExpression']);
export const WRAPPERS = new Set([
  'ParenthesizedExpression',
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
  'TSInstantiationExpression',
]);

/** The tree of code that runs, whatever dialect it is in; undefined where it has an error in each. */
export function parseCode(source, url) {
  const ending = /\.[cm]?[jt]sx?(?=$|[?#])/.exec(url)?.[0] ?? '.js';
  for (const lang of new Set(['js', LANGUAGES[ending] ?? 'jsx'])) {
    // CommonJS too: `return` at the top of a module, or code of sloppy mode
    for (const sourceType of ['unambiguous', 'commonjs']) {
      const { program, errors } = parseSync('x', source, { lang, sourceType, preserveParens: true });
      if (errors.length === 0) return program;
    }
  }
  return undefined;
}

/** Names of accessors written anywhere in the file: reading them twice could do something. */
export function getterNames(program) {
  const names = new Set();
  const look = (node) => {
    if (node.kind === 'get' && node.key) {
      names.add(
        node.key.type === 'PrivateIdentifier' ? `#${node.key.name}` : (node.key.name ?? node.key.value),
      );
    }
    for (const key of visitorKeys[node.type] ?? []) {
      const value = node[key];
      if (Array.isArray(value)) {
        for (const one of value) if (one) look(one);
      } else if (value) look(value);
    }
  };
  look(program);
  return names;
}

export function unwrapped(node) {
  let inner = node;
  while (WRAPPERS.has(inner.type)) inner = inner.expression;
  return inner;
}

/** Whether an optional link of the chain around it is in a callee or its object. */
export function hasOptional(node) {
  for (let at = unwrapped(node); ; ) {
    if (at.type === 'ChainExpression') return false;
    if (at.optional) return true;
    if (at.type === 'MemberExpression') at = unwrapped(at.object);
    else if (at.type === 'CallExpression') at = unwrapped(at.callee);
    else return false;
  }
}

/** `a.b?.c`: names only. */
export function isPath(node) {
  let at = unwrapped(node);
  while (at.type === 'MemberExpression' && !at.computed && at.property.type === 'Identifier')
    at = unwrapped(at.object);
  return at.type === 'Identifier' || at.type === 'ThisExpression';
}

export function afterDirectives(statements, start) {
  let end = start;
  for (const one of statements) {
    if (one.type !== 'ExpressionStatement' || typeof one.directive !== 'string') break;
    end = one.end;
  }
  return end;
}

/** The text with its comments blanked. */
export function blanked(text) {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (comment) => ' '.repeat(comment.length));
}
