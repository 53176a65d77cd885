/**
 * A target that resets. It uses Node's sockets, since Deno's send FIN before they close, whatever is left
 * unread. Knows nothing of shunt.
 *
 * @module
 */

import { createServer, type Socket } from "node:net";
import { onPort } from "./target_port.ts";
import { pattern } from "./random.ts";
import { type Sum, Tally } from "./tally.ts";

/** Milliseconds in which more comes than it has read. */
const RESET_MS = 50;

/** Called with the bytes that were received and sent for a token. */
export type SessionReport = (token: string | undefined, received: Sum, sent: Sum) => void;

/** Reads the first line, `~SOAK TOKEN reset NUMBER`, sends that many bytes, and resets. */
function serve(socket: Socket, report: SessionReport): void {
  const [received, sent] = [new Tally(), new Tally()];
  let text = "";
  let token: string | undefined;
  socket.on("data", (chunk) => {
    received.add(chunk);
    text += chunk.toString("latin1");
    const match = text.match(/^~SOAK ([0-9a-f]{16}) reset (\d+)\n/);
    if (match === null || token !== undefined) return;
    token = match[1]!;
    socket.pause();
    for (const bytes of pattern(token, Number(match[2]))) {
      sent.add(bytes);
      socket.write(bytes);
    }
    setTimeout(() => socket.resetAndDestroy(), RESET_MS);
  });
  // The sums show how it ends.
  socket.on("error", () => {});
  socket.on("close", () => report(token, received.sum(), sent.sum()));
}

/**
 * Listens.
 *
 * @param wanted The port; any if unset
 * @param report Called with each session
 * @returns The port
 */
export async function listenReset(
  wanted: number | undefined,
  report: SessionReport,
): Promise<number> {
  // Node reports a port in use by an event, so a free one is found first.
  const port = onPort(wanted, (port) => {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return port;
  });
  const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket, report));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
  return port;
}
