import { request as httpRequest } from 'node:http';
import { HOST } from '../place/ports.ts';

/** Whether the functions host at a port answers its health check within so many milliseconds. */
export function ping(port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = httpRequest(
      { host: HOST, port, path: '/_host/healthz', timeout: timeoutMs },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode === 200));
      },
    );
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
    request.end();
  });
}
