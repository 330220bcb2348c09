// A stack without functions in a process of its own: argv data folder and database URL; prints one line of JSON when it is up. For
// tests of what would end a process.
import { startTestStack } from './testing_place.ts';

const [dataDir, dbUrl] = process.argv.slice(2);
const { stack } = await startTestStack({ dataDir: dataDir!, dbUrl: dbUrl! });
console.log(JSON.stringify({ gateway: stack.urls.gateway, key: stack.keys.secret_key }));
