/**
 * Sockets of tests for TCP and UDP with one port.
 *
 * @module
 */

const ATTEMPTS = 50;

/**
 * Opens a UDP socket and a TCP listener on the same port of 127.0.0.1. The kernel returns a port that is
 * free for one of them; if it is not free for the other, another port is tried.
 *
 * @param listen Listens for TCP on a port
 * @returns The socket and the listener
 * @throws {Error} if none can be opened
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
