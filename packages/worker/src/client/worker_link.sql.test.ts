import { after, before } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { workerLinkConformance } from './conformance.ts';
import { sqlWorld } from './sql_world.ts';

let db: TestDatabase;
before(async () => {
  db = await openTestDatabase();
});
after(() => db.close());

workerLinkConformance('sql', () => sqlWorld(db));
