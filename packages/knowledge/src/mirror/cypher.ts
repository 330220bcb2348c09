// The code graph as Neo4j holds it.
//
//   (:CogoNode {uid, project, repo, key, defined, id, kind, name, path, file, signature, exported, start_line, end_line, generation})
//   -[:CALLS|IMPORTS|… {file, kind, via, provenance, confidence, sites, line}]->(:CogoNode)
//   (:CogoMirror {project, told})
//
// uid is project, repo and key; file is project, repo and path: whose rows a node or relationship is, so that a file is replaced whole.
// A relationship may lead to a key that nobody defines (yet): its node has defined = false.

export const RELATIONSHIP_KINDS = [
  'contains',
  'imports',
  'extends',
  'implements',
  'calls',
  'references',
  'uses_type',
  'links',
] as const;

/** Relationship type of a kind. */
export const typeOf = (kind: string): string => kind.toUpperCase();

/** Made once; each is fine when it is there already. */
export const CONSTRAINTS: readonly string[] = [
  'CREATE CONSTRAINT cogo_node_uid IF NOT EXISTS FOR (n:CogoNode) REQUIRE n.uid IS UNIQUE',
  'CREATE CONSTRAINT cogo_mirror_project IF NOT EXISTS FOR (m:CogoMirror) REQUIRE m.project IS UNIQUE',
  'CREATE INDEX cogo_node_file IF NOT EXISTS FOR (n:CogoNode) ON (n.file)',
  'CREATE INDEX cogo_node_name IF NOT EXISTS FOR (n:CogoNode) ON (n.project, n.name)',
  'CREATE INDEX cogo_node_defined IF NOT EXISTS FOR (n:CogoNode) ON (n.project, n.defined)',
  ...RELATIONSHIP_KINDS.map(
    (kind) => `CREATE INDEX cogo_${kind}_file IF NOT EXISTS FOR ()-[r:${typeOf(kind)}]-() ON (r.file)`,
  ),
];

/** What a file said of relationships of one kind goes. */
export const dropRelationships = (kind: string): string =>
  `UNWIND $files AS file MATCH ()-[r:${typeOf(kind)}]->() WHERE r.file = file DELETE r`;

/** Nodes of the files that they no longer define lose all but their name: others may still point to them. */
export const UNDEFINE_NODES = `
UNWIND $files AS file
MATCH (n:CogoNode {file: file}) WHERE NOT n.uid IN $kept
SET n = {uid: n.uid, project: n.project, repo: n.repo, key: n.key, defined: false}`;

export const PUT_NODES = `
UNWIND $nodes AS node
MERGE (n:CogoNode {uid: node.uid})
SET n = node`;

export const putRelationships = (kind: string): string => `
UNWIND $edges AS edge
MERGE (a:CogoNode {uid: edge.from}) ON CREATE SET a.project = $project, a.repo = edge.repo, a.key = edge.from_key, a.defined = false
MERGE (b:CogoNode {uid: edge.to}) ON CREATE SET b.project = $project, b.repo = edge.repo, b.key = edge.to_key, b.defined = false
CREATE (a)-[r:${typeOf(kind)}]->(b)
SET r = edge.properties`;

export const DROP_ORPHANS = `
MATCH (n:CogoNode {project: $project, defined: false}) WHERE NOT (n)--()
DELETE n`;

export const NOTE_TOLD =
  'MERGE (m:CogoMirror {project: $project}) SET m.told = coalesce(m.told, 0) + $files, m.at = datetime()';

/** Everything of a project, some thousands at a time. */
export const FORGET_PROJECT = `
MATCH (n:CogoNode {project: $project})
WITH n LIMIT 5000
DETACH DELETE n
RETURN count(*) AS removed`;
export const FORGET_MIRROR = 'MATCH (m:CogoMirror {project: $project}) DELETE m';
