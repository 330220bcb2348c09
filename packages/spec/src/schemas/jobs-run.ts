import { z } from 'zod';
import { success } from '../envelope.ts';
import { operation, type FunctionSpec } from '../operation.ts';

export const runConsumer = operation({
  id: 'runConsumer',
  method: 'POST',
  path: '/',
  summary:
    'Wakes a consumer of the lanes of cogo-plan. Only the doorbell of the database has a ticket; it is good once.',
  auth: 'any',
  body: z.object({ ticket: z.string().min(1).max(200) }),
  response: success({
    accepted: z.boolean().describe('false: as many consumers as may be are at work.'),
    executor_id: z.string().nullable(),
  }),
  rate: { capacity: 60, refill_per_s: 10 },
  errors: ['unauthorized', 'unavailable'],
});

export const spec: FunctionSpec = {
  name: 'jobs-run',
  summary: 'The edge consumer of jobs.',
  operations: [runConsumer],
};
