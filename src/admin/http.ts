/**
 * An HTTP server that a slow or hostile client cannot hurt, for a function from request to answer.
 * Knows sockets and limits, nothing of what is asked.
 *
 * Node's server and not `Deno.serve`, which bounds neither connections nor how long a head may take.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Connections at once; more are closed at once. */
export const MAX_CONNECTIONS = 64;
/** Bytes of a request's body. */
export const MAX_BODY = 4096;
/** Bytes of a request's head. */
const MAX_HEAD = 16_384;
/** Milliseconds that a head may take. */
const HEAD_MS = 5000;
/** Milliseconds that a whole request may take. */
const REQUEST_MS = 10_000;
/** Milliseconds that a connection stays between requests. */
const KEEP_ALIVE_MS = 5000;
/** Milliseconds without a byte either way: who does not read its answer is closed. */
const SILENT_MS = 60_000;
/** Milliseconds between looks at who is late. */
const CHECK_MS = 1000;

/** Answers a request. */
export type Handler = (request: Request, source: string) => Response | Promise<Response>;

/**
 * Makes a server, not yet listening.
 *
 * @param handler Answers requests; must not reject
 * @returns The server
 */
export function makeServer(handler: Handler): Server {
  const server = createServer({
    maxHeaderSize: MAX_HEAD,
    headersTimeout: HEAD_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CHECK_MS,
  }, (incoming, outgoing) => {
    answer(handler, incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(SILENT_MS, (socket: Socket) => socket.destroy());
  return server;
}

async function answer(
  handler: Handler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { method = "GET", url = "/" } = incoming;
  const body = await readBody(incoming);
  if (body === undefined) {
    const message = `The body is longer than ${MAX_BODY} bytes`;
    const refusal = Response.json({ error: { code: "body_too_long", message } }, { status: 413 });
    return await send(refusal, outgoing, { last: true });
  }
  // "*" and the absolute form are for proxies; only paths are served here.
  const at = `http://shunt${url.startsWith("/") ? url : "/"}`;
  const head = method === "HEAD";
  const hasBody = method !== "GET" && !head && body.length > 0;
  const request = new Request(at, {
    method: head ? "GET" : method,
    headers: headersOf(incoming),
    ...(hasBody ? { body } : {}),
  });
  const { remoteAddress = "unix", remotePort } = incoming.socket;
  const source = remotePort === undefined ? remoteAddress : `${remoteAddress}:${remotePort}`;
  await send(await handler(request, source), outgoing, { head });
}

function headersOf({ rawHeaders }: IncomingMessage): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    pairs.push([rawHeaders[i]!, rawHeaders[i + 1]!]);
  }
  return pairs;
}

/** Reads all of a body, or nothing where it is too long. */
async function readBody(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const whole = new Uint8Array(MAX_BODY);
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    if (length + chunk.length > MAX_BODY) return undefined;
    whole.set(chunk, length);
    length += chunk.length;
  }
  return whole.subarray(0, length);
}

async function send(
  response: Response,
  outgoing: ServerResponse,
  { head = false, last = false }: { readonly head?: boolean; readonly last?: boolean },
): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer());
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    "content-length": body.length,
    ...(last ? { connection: "close" } : {}),
  });
  if (head) outgoing.end();
  else outgoing.end(body);
}
