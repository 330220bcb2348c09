#!/usr/bin/env node
// The sources are TypeScript; tsx lets Node 20 run them as they are (Node 22 could without).
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../src/main.ts');
process.exitCode = await main(process.argv.slice(2));
// Output may still be draining into a pipe; whatever else keeps the process alive after that is a leak.
setTimeout(() => process.exit(), 2000).unref();
