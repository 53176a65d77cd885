/**
 * Servers that run in their own processes. Knows nothing of what they serve.
 *
 * @module
 */

import { until } from "../e2e/_shunt.ts";
import type { Server } from "./_kind.ts";

/** How long a server may take to start; Go compiles first. */
const START_MS = 120_000;

/** Returns an unused port on loopback. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/**
 * Starts a server and waits until it accepts connections.
 *
 * @param name Its name
 * @param port Its port on loopback
 * @param command Program, arguments, and files to remove after its end
 * @returns The server
 */
export async function startServer(
  name: string,
  port: number,
  { program, args, folder }: {
    readonly program: string;
    readonly args: readonly string[];
    readonly folder?: string;
  },
): Promise<Server> {
  const path = `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/usr/local/go/bin`;
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    env: { PATH: path },
  }).spawn();
  let over = false;
  const ended = child.status.then(() => over = true);
  const server: Server = {
    name,
    port,
    async [Symbol.asyncDispose]() {
      await child.stdin.close().catch(() => {});
      if (!over) child.kill("SIGTERM");
      await ended;
      if (folder !== undefined) await Deno.remove(folder, { recursive: true });
    },
  };
  try {
    await until(() => over || accepts(port), `${name} to listen`, START_MS);
    if (over) throw new Error(`${name} ended instead of listening`);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

async function accepts(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
