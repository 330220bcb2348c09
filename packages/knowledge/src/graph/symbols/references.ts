import type { Node } from 'oxc-parser';
import { blockNames, boundNames, hoistedNames } from '../flow/scope.ts';
import { childNodes } from '../syntax_walk.ts';

export interface NameUse {
  name: string;
  /** `ns.member`, where the name is looked up whole. */
  member?: string;
  kind: 'value' | 'type' | 'extends' | 'implements';
  start: number;
}

/**
 * Every use of a name that no inner scope of the file takes: what refers to its top level or its imports. Names that
 * are declared, property names and labels are no uses.
 */
export function nameUses(program: Node & { body: readonly Node[] }, onUse: (use: NameUse) => void): void {
  for (const statement of program.body) visit(statement, []);

  function isTaken(name: string, taken: readonly ReadonlySet<string>[]): boolean {
    return taken.some((one) => one.has(name));
  }

  function use(
    name: string,
    kind: NameUse['kind'],
    start: number,
    taken: readonly ReadonlySet<string>[],
    member?: string,
  ): void {
    if (!isTaken(name, taken)) onUse({ name, kind, start, ...(member === undefined ? {} : { member }) });
  }

  function visitAll(
    nodes: readonly (Node | null | undefined)[],
    taken: readonly ReadonlySet<string>[],
  ): void {
    for (const node of nodes) if (node) visit(node, taken);
  }

  function visit(node: Node, taken: readonly ReadonlySet<string>[]): void {
    switch (node.type) {
      case 'Identifier':
        use(node.name, 'value', node.start, taken);
        return;
      case 'JSXIdentifier':
        if (/^[A-Z_$]/.test(node.name)) use(node.name, 'value', node.start, taken);
        return;
      case 'JSXAttribute':
        if (node.value) visit(node.value as Node, taken);
        return;
      case 'JSXMemberExpression':
        visit(node.object, taken);
        return;
      case 'ImportDeclaration':
      case 'ExportAllDeclaration':
        return;
      case 'ExportNamedDeclaration':
        if (node.declaration) visit(node.declaration as Node, taken);
        return;
      case 'MemberExpression':
        if (node.object.type === 'Identifier' && !node.computed && node.property.type === 'Identifier') {
          use(node.object.name, 'value', node.start, taken, node.property.name);
          return;
        }
        visit(node.object, taken);
        if (node.computed) visit(node.property, taken);
        return;
      case 'Property':
        if (node.computed) visit(node.key, taken);
        visit(node.value as Node, taken);
        return;
      case 'MethodDefinition':
      case 'PropertyDefinition':
      case 'AccessorProperty':
        visitAll(
          [node.computed ? node.key : null, node.value as Node | null, ...(node.decorators as Node[])],
          taken,
        );
        if ('typeAnnotation' in node && node.typeAnnotation) visit(node.typeAnnotation as Node, taken);
        return;
      case 'LabeledStatement':
        visit(node.body, taken);
        return;
      case 'BreakStatement':
      case 'ContinueStatement':
        return;
      case 'ClassDeclaration':
      case 'ClassExpression': {
        const own = [...taken, typeParameters(node)];
        if (node.superClass?.type === 'Identifier')
          use(node.superClass.name, 'extends', node.superClass.start, own);
        else if (node.superClass) visit(node.superClass, own);
        for (const one of node.implements ?? []) {
          if (one.expression.type === 'Identifier')
            use(one.expression.name, 'implements', one.expression.start, own);
        }
        visitAll([node.superTypeArguments as Node | null, ...(node.decorators as Node[]), node.body], own);
        return;
      }
      case 'TSInterfaceDeclaration': {
        const own = [...taken, typeParameters(node)];
        for (const one of node.extends) {
          if (one.expression.type === 'Identifier')
            use(one.expression.name, 'extends', one.expression.start, own);
        }
        visit(node.body, own);
        return;
      }
      case 'TSTypeReference':
      case 'TSClassImplements':
      case 'TSInterfaceHeritage':
        typeName(('typeName' in node ? node.typeName : node.expression) as Node, taken);
        if (node.typeArguments) visit(node.typeArguments as Node, taken);
        return;
      case 'TSTypeQuery':
        if (node.exprName.type === 'Identifier') use(node.exprName.name, 'type', node.exprName.start, taken);
        return;
      case 'TSTypeAliasDeclaration':
        visit(node.typeAnnotation, [...taken, typeParameters(node)]);
        return;
      case 'TSTypeParameter':
        visitAll([node.constraint as Node | null, node.default as Node | null], taken);
        return;
      case 'TSPropertySignature':
      case 'TSMethodSignature':
        visitAll(
          childNodes(node).filter((child) => child !== (node.key as Node) || node.computed),
          taken,
        );
        return;
      case 'TSEnumMember':
        if (node.initializer) visit(node.initializer, taken);
        return;
      case 'TSNamedTupleMember':
        visit(node.elementType as Node, taken);
        return;
      case 'TSTypePredicate':
        if (node.typeAnnotation) visit(node.typeAnnotation as Node, taken);
        return;
      case 'TSModuleDeclaration': {
        const statements = (node.body && 'body' in node.body ? node.body.body : []) as Node[];
        visitAll(statements, [...taken, new Set(blockNames(statements))]);
        return;
      }
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
      case 'TSDeclareFunction': {
        const names = new Set([
          ...node.params.flatMap((one) => boundNames(one as Node)),
          ...(node.body ? hoistedNames(node.body as Node) : []),
          ...(node.type === 'FunctionExpression' && node.id ? [node.id.name] : []),
          'arguments',
        ]);
        const own = [...taken, names, typeParameters(node)];
        for (const one of node.params) pattern(one as Node, own);
        if (node.returnType) visit(node.returnType as Node, own);
        if (node.typeParameters) visit(node.typeParameters as Node, own);
        if (node.body) visit(node.body as Node, own);
        return;
      }
      case 'BlockStatement':
      case 'StaticBlock':
        visitAll(node.body as Node[], [...taken, new Set(blockNames(node.body as Node[]))]);
        return;
      case 'ForStatement':
      case 'ForInStatement':
      case 'ForOfStatement': {
        const head = node.type === 'ForStatement' ? node.init : node.left;
        visitAll(childNodes(node), [...taken, new Set(head ? blockNames([head as Node]) : [])]);
        return;
      }
      case 'CatchClause':
        visitAll(childNodes(node), [...taken, new Set(node.param ? boundNames(node.param as Node) : [])]);
        return;
      case 'SwitchStatement': {
        visit(node.discriminant, taken);
        const all = node.cases.flatMap((one) => one.consequent as Node[]);
        visitAll([...node.cases.map((one) => one.test), ...all], [...taken, new Set(blockNames(all))]);
        return;
      }
      case 'VariableDeclarator':
        pattern(node.id as Node, taken);
        if (node.init) visit(node.init, taken);
        return;
      default:
        visitAll(childNodes(node), taken);
    }
  }

  /** Of a pattern only defaults, computed keys and types are uses. */
  function pattern(node: Node, taken: readonly ReadonlySet<string>[]): void {
    if ('typeAnnotation' in node && node.typeAnnotation) visit(node.typeAnnotation as Node, taken);
    switch (node.type) {
      case 'ObjectPattern':
        for (const one of node.properties) {
          if (one.type === 'RestElement') continue;
          if (one.computed) visit(one.key, taken);
          pattern(one.value as Node, taken);
        }
        return;
      case 'ArrayPattern':
        for (const one of node.elements) if (one) pattern(one as Node, taken);
        return;
      case 'AssignmentPattern':
        pattern(node.left as Node, taken);
        visit(node.right, taken);
        return;
      case 'TSParameterProperty':
        pattern(node.parameter as Node, taken);
        return;
      case 'RestElement':
        pattern(node.argument as Node, taken);
    }
  }

  function typeName(node: Node, taken: readonly ReadonlySet<string>[]): void {
    if (node.type === 'Identifier') use(node.name, 'type', node.start, taken);
    else if (node.type === 'TSQualifiedName' && node.left.type === 'Identifier') {
      use(node.left.name, 'type', node.start, taken, node.right.name);
    }
  }

  function typeParameters(node: Node): Set<string> {
    const list =
      'typeParameters' in node ? (node.typeParameters as { params?: Node[] } | null)?.params : undefined;
    return new Set(
      (list ?? []).flatMap((one) => {
        const name = 'name' in one ? (one.name as { name?: string } | string) : undefined;
        return typeof name === 'string' ? [name] : name?.name ? [name.name] : [];
      }),
    );
  }
}
