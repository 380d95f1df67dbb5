// examples/api as its users run it: a process on a port of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../examples/api/server.mjs', import.meta.url));

/** Starts it; `stop()` asks it to end and gives its exit status. */
export async function start(environment) {
  const { API_CLIENT_ID, API_CLIENT_SECRET } = process.env;
  const child = spawn('node', [program], {
    env: { ...process.env, PORT: '0', CLIENT_ID: API_CLIENT_ID, CLIENT_SECRET: API_CLIENT_SECRET, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.on('exit', () => child.kill('SIGKILL')); // where a test failed
  const ended = once(child, 'exit').then(([status]) => { throw new Error(`examples/api ended with ${status}`); });
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), ended]);
  ended.catch(() => {});
  const url = `http://127.0.0.1:${line.match(/port (\d+)$/)[1]}`;
  const stop = async () => {
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    return (await exit)[0];
  };
  return { url, stop };
}
