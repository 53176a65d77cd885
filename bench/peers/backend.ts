/**
 * Starts the backends that every participant relays to. Knows their process, not their protocols.
 *
 * @module
 */

import { type Child, start } from "./children.ts";
import type { BackendPorts } from "./load/backend.ts";
import { freePort } from "./ports.ts";

export type { BackendPorts };

/**
 * Starts backends that share their ports.
 *
 * @param count How many processes
 * @returns Their ports
 * @throws {Error} If one does not get ready
 */
export async function startBackends(count: number): Promise<BackendPorts> {
  const ports: BackendPorts = {
    requests: freePort(),
    bulk: freePort(),
    tls: [freePort(), freePort()],
    udp: freePort(),
  };
  const script = new URL("load/backend.ts", import.meta.url).pathname;
  const command = [Deno.execPath(), "run", "--quiet", "--no-prompt", "--allow-all", script];
  for (let i = 0; i < count; i++) await ready(start([...command, JSON.stringify(ports)]));
  return ports;
}

async function ready(child: Child): Promise<void> {
  const reader = child.process.stdout.getReader();
  const { done } = await reader.read();
  reader.releaseLock();
  if (done) throw new Error("Cannot start the backend: it ended at once");
}
