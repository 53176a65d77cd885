/**
 * Sockets of tests for TCP and UDP with one port.
 *
 * @module
 */

const ATTEMPTS = 50;

/**
 * Opens a socket for UDP and something for TCP at one port of 127.0.0.1. The kernel gives a port that is
 * free for one of them, which the other may have taken: then another one is tried.
 *
 * @param listen Listens for TCP at a port
 * @returns The socket, and what was opened for TCP
 * @throws Error if nothing can be opened
 */
export function openBoth<T>(listen: (port: number) => T): { udp: Deno.DatagramConn; tcp: T } {
  for (let attempt = 1;; attempt++) {
    const udp = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    try {
      return { udp, tcp: listen((udp.addr as Deno.NetAddr).port) };
    } catch (error) {
      udp.close();
      if (attempt === ATTEMPTS || !(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
