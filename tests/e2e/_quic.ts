/**
 * QUIC servers and exchanges with Deno's own QUIC. Knows nothing of shunt.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Certificates } from "./_openssl.ts";

/** A running QUIC server. */
export interface QuicServer extends AsyncDisposable {
  readonly port: number;
}

/** The application protocol of the exchanges. */
export const ALPN = "h3";

/**
 * Serves QUIC on loopback until disposed. On each bidirectional stream it reads the whole request,
 * then answers with its name, the request's SHA-256, and as many bytes as came.
 *
 * @param certificates Where its certificate is
 * @param name Whom it speaks for
 */
export async function serveQuic(certificates: Certificates, name: string): Promise<QuicServer> {
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = endpoint.listen({
    cert: await Deno.readTextFile(certificates.certificate(name)),
    key: await Deno.readTextFile(certificates.key(name)),
    alpnProtocols: [ALPN],
  });
  const served: Promise<void>[] = [];
  const loop = (async () => {
    for await (const incoming of listener) {
      const conn = await incoming.accept();
      served.push(serveStreams(conn, name).catch(() => {}));
    }
  })().catch(() => {});
  return {
    port: endpoint.addr.port,
    async [Symbol.asyncDispose]() {
      listener.stop();
      endpoint.close({ closeCode: 0, reason: "" });
      await Promise.all([loop, ...served]);
    },
  };
}

async function serveStreams(conn: Deno.QuicConn, name: string): Promise<void> {
  for await (const { readable, writable } of conn.incomingBidirectionalStreams) {
    const request = await collect(readable);
    const writer = writable.getWriter();
    const digest = createHash("sha256").update(request).digest("hex");
    await writer.write(new TextEncoder().encode(`${name} ${digest}\n`));
    await writer.write(request.toReversed());
    await writer.close();
  }
}

/** What a QUIC server answered. */
export interface QuicAnswer {
  /** Whom it spoke for. */
  readonly name: string;
  /** SHA-256 of the request as it arrived. */
  readonly digest: string;
  readonly body: Uint8Array;
}

/**
 * Connects to a QUIC server.
 *
 * @param port Where to connect on loopback
 * @param certificates Who is trusted
 * @param client Whom to ask, and the client's socket, which several connections may share
 * @returns The connection
 */
export async function connectQuic(
  port: number,
  certificates: Certificates,
  client: { readonly sni: string; readonly endpoint: Deno.QuicEndpoint },
): Promise<Deno.QuicConn> {
  return await Deno.connectQuic({
    endpoint: client.endpoint,
    hostname: "127.0.0.1",
    port,
    serverName: client.sni,
    alpnProtocols: [ALPN],
    caCerts: [await Deno.readTextFile(certificates.authority)],
  });
}

/**
 * Makes one exchange on a bidirectional stream of a QUIC connection.
 *
 * @param conn The connection
 * @param body What to send
 * @returns The answer
 */
export async function exchangeQuic(conn: Deno.QuicConn, body: Uint8Array): Promise<QuicAnswer> {
  const { readable, writable } = await conn.createBidirectionalStream();
  const writer = writable.getWriter();
  const sent = writer.write(body).then(() => writer.close());
  const answer = await collect(readable);
  await sent;
  const head = answer.indexOf(10);
  const [name = "", digest = ""] = new TextDecoder().decode(answer.subarray(0, head)).split(" ");
  return { name, digest, body: answer.subarray(head + 1) };
}

/**
 * Makes one exchange on a bidirectional stream of a new QUIC connection.
 *
 * @param port Where to connect on loopback
 * @param certificates Who is trusted
 * @param request Whom to ask, and what to send
 * @returns The answer
 */
export async function askQuic(
  port: number,
  certificates: Certificates,
  request: { readonly sni: string; readonly body: Uint8Array },
): Promise<QuicAnswer> {
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  try {
    const conn = await connectQuic(port, certificates, { sni: request.sni, endpoint });
    const answer = await exchangeQuic(conn, request.body);
    conn.close({ closeCode: 0, reason: "" });
    await conn.closed;
    return answer;
  } finally {
    endpoint.close({ closeCode: 0, reason: "" });
  }
}

async function collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
