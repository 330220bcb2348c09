// Where a thread begins: tsx lets Node 20 run the sources as they are.
import { register } from 'tsx/esm/api';

register();
await import('./thread.ts');
