import { type Expression, parseSync } from 'oxc-parser';

/** A computed specifier: `parts` are its static stretches in order, with something unknown between any two. */
export interface SpecifierPattern {
  parts: string[];
}

/**
 * Reads the source text of a specifier. A literal (also a template without holes and a sum of literals) is one; else
 * one pattern for each alternative of a condition. No pattern: nothing static is known.
 */
export function readSpecifier(source: string): { literal?: string; patterns: SpecifierPattern[] } {
  const simple = /^(["'`])([^"'`\\$]*)\1$/.exec(source);
  if (simple) return { literal: simple[2]!, patterns: [] };
  const statement = parseSync('specifier.ts', `(${source})`).program.body[0];
  if (statement?.type !== 'ExpressionStatement') return { patterns: [] };
  const all = alternatives(statement.expression);
  if (all.length === 1 && all[0]!.parts.length === 1) return { literal: all[0]!.parts[0]!, patterns: [] };
  return { patterns: all.filter(({ parts }) => parts.some((part) => part !== '')) };
}

const UNKNOWN: SpecifierPattern = { parts: ['', ''] };
/** More alternatives than this say nothing. */
const MAX_ALTERNATIVES = 16;

function alternatives(node: Expression): SpecifierPattern[] {
  switch (node.type) {
    case 'Literal':
      return [typeof node.value === 'string' ? { parts: [node.value] } : UNKNOWN];
    case 'TemplateLiteral': {
      let all: SpecifierPattern[] = [{ parts: [node.quasis[0]?.value.cooked ?? ''] }];
      for (const [at, hole] of node.expressions.entries()) {
        const tail = { parts: [node.quasis[at + 1]?.value.cooked ?? ''] };
        all = product(product(all, alternatives(hole)), [tail]);
      }
      return all;
    }
    case 'BinaryExpression':
      return node.operator === '+' ? product(alternatives(node.left), alternatives(node.right)) : [UNKNOWN];
    case 'ConditionalExpression':
      return [...alternatives(node.consequent), ...alternatives(node.alternate)];
    case 'LogicalExpression':
      return [...alternatives(node.left), ...alternatives(node.right)];
    case 'ParenthesizedExpression':
    case 'TSAsExpression':
    case 'TSNonNullExpression':
    case 'TSSatisfiesExpression':
      return alternatives(node.expression);
    default:
      return [UNKNOWN];
  }
}

function product(left: SpecifierPattern[], right: SpecifierPattern[]): SpecifierPattern[] {
  if (left.length * right.length > MAX_ALTERNATIVES) return [UNKNOWN];
  return left.flatMap((a) => right.map((b) => ({ parts: joined(a.parts, b.parts) })));
}

function joined(a: string[], b: string[]): string[] {
  const parts = [...a.slice(0, -1), a.at(-1)! + b[0]!, ...b.slice(1)];
  // Two unknowns side by side are one.
  return parts.filter((part, at) => part !== '' || at === 0 || at === parts.length - 1);
}
