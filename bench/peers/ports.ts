/**
 * Free ports of loopback, found when the bench runs.
 *
 * @module
 */

const taken = new Set<number>();

/**
 * Finds a port that is free for TCP and UDP and below the ephemeral range, where no client of the
 * bench can take it meanwhile.
 *
 * @returns The port, never the same twice
 * @throws {Error} If none is left
 */
export function freePort(): number {
  for (let tries = 0; tries < 1000; tries++) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    if (taken.has(port) || !isFree(port)) continue;
    taken.add(port);
    return port;
  }
  throw new Error("Cannot find a free port between 12000 and 30000");
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    Deno.listenDatagram({ hostname: "127.0.0.1", port, transport: "udp" }).close();
    return true;
  } catch {
    return false;
  }
}
