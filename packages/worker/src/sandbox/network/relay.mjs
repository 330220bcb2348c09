// Runs inside the sandbox, whose network has only a loopback of its own: listens there for proxy connections, hands them
// to the unix socket that leads out, and starts the command. Usage: node relay.mjs SOCKET PORT COMMAND...
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { constants } from 'node:os';

const [socket, port, file, ...args] = process.argv.slice(2);
const server = createServer({ allowHalfOpen: true }, (inner) => {
  const outer = connect({ path: socket, allowHalfOpen: true });
  inner.pipe(outer).pipe(inner);
  inner.on('error', () => outer.destroy());
  outer.on('error', () => inner.destroy());
});
server.listen(Number(port), '127.0.0.1', () => {
  const child = spawn(file, args, { stdio: 'inherit' });
  // As a shell would say it: 127 not found, 128 + n by signal.
  child.on('error', (error) => {
    process.stderr.write(`${file}: ${error.code === 'ENOENT' ? 'not found' : error.message}\n`);
    process.exit(127);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
});
server.on('error', (error) => {
  process.stderr.write(`the relay to the network could not start: ${error.message}\n`);
  process.exit(126);
});
