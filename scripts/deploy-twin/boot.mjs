// Runs in Deno: stands for the user worker of edge-runtime, where Deno.serve is the platform's and the port is not
// the function's to choose. Argument: URL of the uploaded entrypoint.
const serve = Deno.serve;
Deno.serve = (...args) => {
  const handler = args.find((value) => typeof value === 'function') ?? args[0].handler;
  return serve(
    {
      hostname: '127.0.0.1',
      port: 0,
      onListen: ({ port }) => console.log(JSON.stringify({ listening: port })),
    },
    handler,
  );
};
await import(Deno.args[0]);
