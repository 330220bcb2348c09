import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openApiDocument } from './openapi.ts';
import { FUNCTIONS } from './schemas/functions.ts';

type Node = Record<string, unknown>;
interface Parameter {
  name: string;
  in: string;
  required: boolean;
  schema: Node;
}
interface Described {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Node }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Node }> }>;
  security?: Record<string, string[]>[];
}

// As text and back: what a reader of the file sees.
const document = JSON.parse(JSON.stringify(openApiDocument(FUNCTIONS))) as {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, Node>; securitySchemes: Record<string, Node> };
  tags: { name: string }[];
};

test('docs/openapi.json is what the schemas say (npm exec tsx scripts/openapi.ts writes it)', () => {
  const file = JSON.parse(
    readFileSync(new URL('../../../docs/openapi.json', import.meta.url), 'utf8'),
  ) as unknown;
  assert.deepEqual(file, document);
});

test('every operation of every function is in it, and a healthz for each function', () => {
  for (const { name, operations } of FUNCTIONS) {
    for (const operation of operations) {
      const path = `/${name}${operation.path === '/' ? '' : operation.path.replace(/:(\w+)/g, '{$1}')}`;
      assert.equal(document.paths[path]?.[operation.method.toLowerCase()]?.operationId, operation.id, path);
    }
    assert.ok(document.paths[`/${name}/healthz`]?.['get'], name);
  }
});

test('it has the shape of OpenAPI 3.1', () => {
  assert.match(document.openapi, /^3\.1\.\d+$/);
  assert.ok(document.info.title && document.info.version);
  const ids: string[] = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    assert.ok(path.startsWith('/'));
    for (const [method, operation] of Object.entries(methods)) {
      assert.match(method, /^(get|put|post|delete|patch)$/);
      ids.push(operation.operationId);
      assert.ok(operation.responses['200'], `${method} ${path}`);
      for (const response of Object.values(operation.responses))
        assert.equal(typeof response.description, 'string');
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      assert.deepEqual(
        declared.map((parameter) => parameter.name),
        inPath,
        path,
      );
      for (const parameter of operation.parameters ?? []) {
        assert.match(parameter.in, /^(path|query|header)$/);
        assert.equal(typeof parameter.schema, 'object');
        if (parameter.in === 'path') assert.equal(parameter.required, true);
      }
      for (const requirement of operation.security ?? []) {
        for (const scheme of Object.keys(requirement))
          assert.ok(document.components.securitySchemes[scheme], scheme);
      }
    }
  }
  assert.equal(new Set(ids).size, ids.length);
});

test('every reference in it leads somewhere', () => {
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) {
      for (const item of node) visit(item);
      return;
    }
    if (typeof node !== 'object' || node === null) return;
    const { $ref } = node as { $ref?: unknown };
    if (typeof $ref === 'string') {
      const [, , section, name] = $ref.split('/');
      assert.equal(section, 'schemas', $ref);
      assert.ok(document.components.schemas[name!], $ref);
    }
    for (const value of Object.values(node)) visit(value);
  };
  visit(document);
});

test('a request has the constraints of its schema, with defaults not required', () => {
  const schema = document.paths['/rag']?.['post']?.requestBody?.content['application/json']?.schema as {
    required: string[];
    properties: Record<string, Node>;
  };
  assert.deepEqual(schema.required.sort(), ['project_id', 'q']);
  assert.equal(schema.properties['limit']?.['maximum'], 100);
});

test('a stream lists its events, and failures are the envelope', () => {
  const responses = document.paths['/chat']?.['post']?.responses;
  const stream = responses?.['200']?.content?.['text/event-stream'] as unknown as {
    'x-events': Record<string, Node>;
  };
  assert.ok(stream['x-events']['llm.delta']);
  assert.deepEqual(responses?.['429']?.content?.['application/json']?.schema, {
    $ref: '#/components/schemas/Failure',
  });
});
