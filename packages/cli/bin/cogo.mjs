#!/usr/bin/env node
// The sources are TypeScript; tsx lets Node 20 run them as they are (Node 22 could without).
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../src/main.ts');
process.exitCode = await main(process.argv.slice(2));
// Whatever keeps the process alive after its work (an idle connection, a timer of a library) is not worth waiting for.
setTimeout(() => process.exit(), 200).unref();
