/**
 * A target's process: serves all protocols, counts every byte, and reports each session to its parent at
 * its end. Ends when its standard input does. Knows nothing of shunt.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { type Sum, Wire } from "./tally.ts";
import { splice } from "./tap.ts";
import { sendRecord, type TargetPorts } from "./records.ts";
import { type Heard, serveHttp, serveRaw, serveSsh } from "./target_tcp.ts";
import { onPort } from "./target_port.ts";
import { listenReset } from "./target_reset.ts";
import { FlowTarget } from "./target_udp.ts";

const args = parseArgs(Deno.args, { string: ["name", "ports", "cert", "key"] });
const name = String(args.name);
const wanted: Partial<TargetPorts> = JSON.parse(String(args.ports ?? "{}"));

type Handler = (wire: Wire, heard: Heard) => Promise<void>;

function report(token: string | undefined, received: Sum, sent: Sum): void {
  sendRecord({ from: "target", target: name, token, received, sent });
}

async function serve(conn: Deno.Conn, handle: Handler): Promise<void> {
  const wire = new Wire(conn);
  const heard: Heard = { token: undefined };
  try {
    await handle(wire, heard);
  } catch {
    // Clients break off; the sums show how far they came.
  }
  wire.close();
  report(heard.token, wire.received.sum(), wire.sent.sum());
}

function listen(port: number | undefined, handle: Handler): number {
  const listener = onPort(port, (port) => Deno.listen({ hostname: "127.0.0.1", port }));
  (async () => {
    for await (const conn of listener) serve(conn, handle);
  })();
  return listener.addr.port;
}

/** Which session the connection of an inner client belongs to, by its port. */
const inner = new Map<number, PromiseWithResolvers<Heard>>();

/** Accepting may come before the client knows its port: the first one waits for the other. */
function meeting(port: number): PromiseWithResolvers<Heard> {
  const known = inner.get(port);
  if (known !== undefined) return known;
  const made = Promise.withResolvers<Heard>();
  inner.set(port, made);
  return made;
}

async function serveTls(conn: Deno.TlsConn): Promise<void> {
  const heard = await meeting((conn.remoteAddr as Deno.NetAddr).port).promise;
  const wire = new Wire(conn);
  try {
    await serveRaw(wire, heard);
  } catch {
    // The tap shows how far it came.
  }
  wire.close();
}

/** The TLS server itself. It decrypts a command, and sends back as many bytes as it says. */
function listenTls(): number {
  const [cert, key] = [args.cert, args.key].map((path) => Deno.readTextFileSync(String(path)));
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert: cert!, key: key! });
  (async () => {
    for await (const conn of listener) serveTls(conn);
  })();
  return (listener.addr as Deno.NetAddr).port;
}

const behind = listenTls();

/** Counts what TLS puts on the wire, and lets the TLS server have it. */
async function tapTls(wire: Wire, heard: Heard): Promise<void> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: behind });
  const { port } = conn.localAddr as Deno.NetAddr;
  meeting(port).resolve(heard);
  try {
    await splice(wire, conn);
  } finally {
    inner.delete(port);
  }
}

const flows = onPort(wanted.udp, (port) => new FlowTarget(port, report));
const ports: TargetPorts = {
  raw: listen(wanted.raw, serveRaw),
  tls: listen(wanted.tls, tapTls),
  http: listen(wanted.http, serveHttp),
  ssh: listen(wanted.ssh, serveSsh),
  reset: await listenReset(wanted.reset, report),
  udp: flows.port,
};
sendRecord({ from: "bound", ports });
for await (const _ of Deno.stdin.readable) {
  // Nothing is said to a target: only the end counts.
}
flows.reportAll();
Deno.exit(0);
