/**
 * Ports that a target can have again after its restart: none of those that the kernel gives to clients
 * meanwhile. Knows no socket.
 *
 * @module
 */

/** Below what Linux gives to clients (`ip_local_port_range`, from 32768 on). */
const FIRST = 15_000;
const LAST = 31_999;
/** Ports that are tried. */
const ATTEMPTS = 50;

/**
 * Opens something on a port.
 *
 * @param wanted The port; any if unset
 * @param open Opens it
 * @returns The result of `open`
 * @throws if the port, or too many others, are in use
 */
export function onPort<T>(wanted: number | undefined, open: (port: number) => T): T {
  if (wanted !== undefined) return open(wanted);
  for (let attempt = 1;; attempt++) {
    try {
      return open(FIRST + Math.floor(Math.random() * (LAST - FIRST + 1)));
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
