#!/usr/bin/env node
// The sources are TypeScript; tsx lets Node 20 run them as they are (Node 22 could without).
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../src/plan/main.ts');
process.exitCode = await main(process.argv.slice(2));
// Realtime's disconnect leaves a timer of ten seconds behind: what is done should not linger.
setTimeout(() => process.exit(), 100).unref();
