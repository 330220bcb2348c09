#!/usr/bin/env node
// The sources are TypeScript; tsx lets Node 20 run them as they are (Node 22 could without).
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../src/main.ts');
process.exitCode = await main(process.argv.slice(2));
// What is done should not linger while a connection ends.
setTimeout(() => process.exit(), 100).unref();
