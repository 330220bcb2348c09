import type { CallExpression, Node, ParseResult } from 'oxc-parser';
import { walkSyntax } from '../syntax_walk.ts';
import { dynamicRequest, type ModuleRequest, type ModuleSource } from './requests.ts';

/** The requests that only the tree shows. */
export function syntaxRequests({ path, text }: ModuleSource, parsed: ParseResult): ModuleRequest[] {
  const found: ModuleRequest[] = [];
  const { program } = parsed;
  const ownRequire = definesRequire(program as Node);
  walkSyntax(program as Node, (node) => {
    switch (node.type) {
      case 'CallExpression':
        if (!ownRequire && isRequire(node)) {
          const argument = node.arguments[0]!;
          found.push(dynamicRequest(text, argument.start, argument.end, 'require'));
        }
        return;
      case 'TSImportType':
        found.push({ kind: 'type', specifier: node.source.value, start: node.source.start });
        return;
      case 'TSImportEqualsDeclaration': {
        const target = node.moduleReference;
        if (target.type === 'TSExternalModuleReference') {
          const kind = node.importKind === 'type' ? 'type' : 'require';
          found.push({ kind, specifier: target.expression.value, start: target.expression.start });
        }
        return;
      }
    }
  });
  if (/\.[cm]?jsx?$/.test(path)) found.push(...commentTypes(parsed));
  return found;
}

function isRequire(node: CallExpression): boolean {
  if (node.callee.type !== 'Identifier' || node.callee.name !== 'require') return false;
  return node.arguments.length > 0 && node.arguments[0]!.type !== 'SpreadElement';
}

/** A `require` the file made itself (a bundle's, a parameter) loads something else; `createRequire` does not. */
function definesRequire(program: Node): boolean {
  let defines = false;
  walkSyntax(program, (node) => {
    if (node.type === 'VariableDeclarator' && node.id.type === 'Identifier' && node.id.name === 'require') {
      const { init } = node;
      const callee = init?.type === 'CallExpression' ? init.callee : undefined;
      const name =
        callee?.type === 'Identifier'
          ? callee.name
          : callee?.type === 'MemberExpression' && callee.property.type === 'Identifier'
            ? callee.property.name
            : '';
      if (name !== 'createRequire') defines = true;
    } else if (
      (node.type === 'FunctionDeclaration' ||
        node.type === 'FunctionExpression' ||
        node.type === 'ArrowFunctionExpression') &&
      (('id' in node && node.id?.name === 'require') ||
        node.params.some((one) => one.type === 'Identifier' && one.name === 'require'))
    )
      defines = true;
    return defines ? false : undefined;
  });
  return defines;
}

/** `@type {import('./x').T}` in a JavaScript file is what `import type` is in TypeScript. */
function commentTypes(parsed: ParseResult): ModuleRequest[] {
  return parsed.comments.flatMap((comment) => {
    if (comment.type !== 'Block' || !comment.value.startsWith('*')) return [];
    return [...comment.value.matchAll(/@\w+[^@]*?\bimport\(\s*(["'])([^"'\n]+)\1\s*\)/g)].map((match) => ({
      kind: 'type' as const,
      specifier: match[2]!,
      start: comment.start + 2 + match.index + match[0].lastIndexOf(match[2]!) - 1,
    }));
  });
}
