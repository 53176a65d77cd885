/**
 * A target that resets: by Node's sockets, since Deno's say FIN before they close, whatever is left
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

/** Is told what was received and sent in a token's name. */
export type SessionReport = (token: string | undefined, received: Sum, sent: Sum) => void;

/** Hears the first line, `~SOAK TOKEN reset NUMBER`, sends so many bytes, and resets. */
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
  // How it ends is told by the sums.
  socket.on("error", () => {});
  socket.on("close", () => report(token, received.sum(), sent.sum()));
}

/**
 * Listens.
 *
 * @param wanted Where; unset is any
 * @param report Is told of each session
 * @returns The port
 */
export async function listenReset(
  wanted: number | undefined,
  report: SessionReport,
): Promise<number> {
  // Node tells of a port that is taken by an event: one that can be had is found first.
  const port = onPort(wanted, (port) => {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return port;
  });
  const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket, report));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
  return port;
}
