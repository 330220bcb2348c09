import type { BindingPattern, Node, Program } from 'oxc-parser';
import type { Solver, Var } from './solver.ts';

/** Names of one block or function. */
export class Scope {
  private readonly names = new Map<string, Var>();
  /** `const` names whose value is a literal: a property of that name is read by it. */
  private readonly literals = new Map<string, string>();

  private readonly solver: Solver;
  private readonly parent: Scope | undefined;

  constructor(solver: Solver, parent?: Scope) {
    this.solver = solver;
    this.parent = parent;
  }

  declare(name: string): Var {
    const known = this.names.get(name);
    if (known !== undefined) return known;
    const made = this.solver.variable();
    this.names.set(name, made);
    return made;
  }

  alias(name: string, variable: Var): void {
    this.names.set(name, variable);
  }

  find(name: string): Var | undefined {
    return this.names.get(name) ?? this.parent?.find(name);
  }

  setLiteral(name: string, value: string): void {
    this.literals.set(name, value);
  }

  literal(name: string): string | undefined {
    return this.names.has(name) ? this.literals.get(name) : this.parent?.literal(name);
  }
}

/** Every name a pattern binds. */
export function boundNames(pattern: BindingPattern | Node): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((one) =>
        boundNames((one.type === 'RestElement' ? one.argument : one.value) as BindingPattern),
      );
    case 'ArrayPattern':
      return pattern.elements.flatMap((one) => (one ? boundNames(one as BindingPattern) : []));
    case 'AssignmentPattern':
      return boundNames(pattern.left as BindingPattern);
    case 'RestElement':
      return boundNames(pattern.argument as BindingPattern);
    case 'TSParameterProperty':
      return boundNames(pattern.parameter as BindingPattern);
    default:
      return [];
  }
}

/** Names that stand in a block from its beginning: `let`, `const`, classes and functions. */
export function blockNames(statements: readonly Node[]): string[] {
  return statements.flatMap((statement): string[] => {
    const node =
      (statement.type === 'ExportNamedDeclaration' || statement.type === 'ExportDefaultDeclaration') &&
      statement.declaration
        ? (statement.declaration as Node)
        : statement;
    switch (node.type) {
      case 'VariableDeclaration':
        return node.kind === 'var' ? [] : node.declarations.flatMap((one) => boundNames(one.id));
      case 'FunctionDeclaration':
      case 'ClassDeclaration':
        return node.id ? [node.id.name] : [];
      case 'TSEnumDeclaration':
        return [node.id.name];
      case 'TSModuleDeclaration':
        return node.id.type === 'Identifier' ? [node.id.name] : [];
      default:
        return [];
    }
  });
}

/** Names that `var` hoists to the function (or program) whose body this is. Only statements can hold one. */
export function hoistedNames(body: Node | Program): string[] {
  const names: string[] = [];
  visitAll(body.type === 'Program' || body.type === 'BlockStatement' ? (body.body as Node[]) : []);
  return names;

  function visitAll(nodes: ReadonlyArray<Node | null | undefined>): void {
    for (const node of nodes) if (node) visit(node);
  }

  function visit(node: Node): void {
    switch (node.type) {
      case 'VariableDeclaration':
        if (node.kind === 'var') for (const one of node.declarations) names.push(...boundNames(one.id));
        return;
      case 'ExportNamedDeclaration':
        visitAll([node.declaration as Node | null]);
        return;
      case 'BlockStatement':
        visitAll(node.body as Node[]);
        return;
      case 'IfStatement':
        visitAll([node.consequent, node.alternate]);
        return;
      case 'ForStatement':
        visitAll([node.init as Node | null, node.body]);
        return;
      case 'ForInStatement':
      case 'ForOfStatement':
        visitAll([node.left as Node, node.body]);
        return;
      case 'WhileStatement':
      case 'DoWhileStatement':
      case 'LabeledStatement':
      case 'WithStatement':
        visit(node.body);
        return;
      case 'TryStatement':
        visitAll([node.block, node.handler?.body, node.finalizer]);
        return;
      case 'SwitchStatement':
        for (const one of node.cases) visitAll(one.consequent as Node[]);
    }
  }
}
