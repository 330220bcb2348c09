import type { Finding } from '@cogo/spec/job_results.ts';

/**
 * Findings as a SARIF 2.1.0 log (OASIS): one run for each tool. Files are relative to the repository (`SRCROOT`), so that
 * a viewer finds them wherever the repository lies.
 *
 * @param o.tools every tool that ran, also those without a finding
 */
export function toSarif(
  findings: readonly Finding[],
  o: { tools: readonly string[]; commit: string | null; version: string },
): Record<string, unknown> {
  const names = [...new Set([...o.tools, ...findings.map((each) => each.tool)])];
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: names.map((tool) =>
      runOf(
        tool,
        findings.filter((each) => each.tool === tool),
        o,
      ),
    ),
  };
}

function runOf(
  tool: string,
  findings: Finding[],
  o: { commit: string | null; version: string },
): Record<string, unknown> {
  const rules = [...new Set(findings.flatMap((each) => each.rule ?? []))];
  return {
    tool: { driver: { name: tool, rules: rules.map((id) => ({ id })) } },
    conversion: { tool: { driver: { name: 'cogo-work', version: o.version } } },
    columnKind: 'utf16CodeUnits',
    originalUriBaseIds: { SRCROOT: { description: { text: 'The top of the repository.' } } },
    ...(o.commit ? { versionControlProvenance: [], properties: { commit: o.commit } } : {}),
    results: findings.map((each) => ({
      ...(each.rule ? { ruleId: each.rule, ruleIndex: rules.indexOf(each.rule) } : {}),
      level: each.level,
      message: { text: each.message || 'no message' },
      ...(each.file ? { locations: [locationOf(each)] } : {}),
    })),
  };
}

function locationOf({ file, line, column }: Finding): Record<string, unknown> {
  const uri = file!.split('/').map(encodeURIComponent).join('/');
  const inside = !file!.startsWith('/');
  return {
    physicalLocation: {
      artifactLocation: inside ? { uri, uriBaseId: 'SRCROOT' } : { uri: `file://${uri}` },
      ...(line ? { region: { startLine: line, ...(column ? { startColumn: column } : {}) } } : {}),
    },
  };
}
