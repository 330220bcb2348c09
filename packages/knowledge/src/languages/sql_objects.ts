import type { ChunkKind } from './chunk.ts';

export interface SqlObject {
  kind: ChunkKind;
  symbol?: string;
  signature?: string;
  names: string[];
  /** Small follow-ups (grants, comments, settings) join what stands next to them. */
  loose?: boolean;
}

const KINDS: Record<string, ChunkKind> = {
  CreateStmt: 'table',
  CreateTableAsStmt: 'table',
  CreateForeignTableStmt: 'table',
  CreateFunctionStmt: 'function',
  ViewStmt: 'view',
  IndexStmt: 'index',
  CreateTrigStmt: 'trigger',
  CreatePolicyStmt: 'policy',
  CreateSchemaStmt: 'schema',
  CreateExtensionStmt: 'schema',
  CompositeTypeStmt: 'type',
  CreateEnumStmt: 'type',
  CreateDomainStmt: 'type',
  CreateRangeStmt: 'type',
  CreateSeqStmt: 'table',
};

/** Kind and name of a statement: from its parse tree, else from its first words. */
export function describeStatement(text: string, tree: Record<string, unknown> | undefined): SqlObject {
  const type = tree ? Object.keys(tree)[0] : undefined;
  if (tree && type) {
    const node = tree[type] as Record<string, unknown>;
    const kind = KINDS[type];
    const name = nameOf(type, node);
    if (kind && name) return defined(kind, name, text);
    return followUp(name);
  }
  const match =
    /^\s*create\s+(?:or\s+replace\s+)?(?:unique\s+|materialized\s+|temp(?:orary)?\s+|unlogged\s+)*(table|function|procedure|view|index|trigger|policy|schema|type)\s+(?:if\s+not\s+exists\s+|concurrently\s+)*([\w."$]+)/i.exec(
      text,
    );
  if (!match) return followUp(undefined);
  const word = match[1]!.toLowerCase();
  return defined(
    (word === 'procedure' ? 'function' : word) as ChunkKind,
    match[2]!.replaceAll('"', ''),
    text,
  );
}

function defined(kind: ChunkKind, symbol: string, text: string): SqlObject {
  const head = /^[\s\S]*?(?=\b(?:language|as|begin)\b\s|\$|;|$)/i.exec(text)?.[0] ?? text;
  const signature = head.replace(/\s+/g, ' ').trim();
  return {
    kind,
    symbol,
    signature: signature.length <= 240 ? signature : `${signature.slice(0, 239)}…`,
    names: [symbol],
  };
}

function followUp(name: string | undefined): SqlObject {
  return { kind: 'statement', names: name ? [name] : [], loose: true };
}

function nameOf(type: string, node: Record<string, unknown>): string | undefined {
  switch (type) {
    case 'CreateFunctionStmt':
      return dotted(node.funcname);
    case 'ViewStmt':
      return relation(node.view);
    case 'CreateTableAsStmt':
      return relation((node.into as Record<string, unknown> | undefined)?.rel);
    case 'CreateForeignTableStmt':
      return relation((node.base as Record<string, unknown> | undefined)?.relation);
    case 'IndexStmt':
      return text(node.idxname) ?? relation(node.relation);
    case 'CreateTrigStmt':
      return text(node.trigname);
    case 'CreatePolicyStmt':
      return text(node.policy_name);
    case 'CreateSchemaStmt':
      return text(node.schemaname);
    case 'CreateExtensionStmt':
      return text(node.extname);
    case 'CompositeTypeStmt':
      return relation(node.typevar);
    case 'CreateEnumStmt':
    case 'CreateRangeStmt':
      return dotted(node.typeName);
    case 'CreateDomainStmt':
      return dotted(node.domainname);
    case 'CreateSeqStmt':
      return relation(node.sequence);
    default:
      return relation(node.relation);
  }
}

function relation(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { schemaname, relname } = value as { schemaname?: string; relname?: string };
  if (!relname) return undefined;
  return schemaname ? `${schemaname}.${relname}` : relname;
}

function dotted(value: unknown): string | undefined {
  if (!Array.isArray(value)) return undefined;
  const parts = value.map((one) => (one as { String?: { sval?: string } }).String?.sval ?? '');
  return parts.filter((part) => part !== '').join('.') || undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
