/**
 * An HTTP server that a slow or hostile client cannot hurt, for a function from request to answer.
 * Knows sockets and limits, nothing of what is asked.
 *
 * `Deno.serve` bounds neither connections nor the time that a request may take, and Node's listener
 * stops for good when descriptors run out. So connections are accepted and timed here, and only HTTP
 * itself is left to Node's server: one request a connection, so that none waits behind another.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import { denoIo } from "../io/deno.ts";

/** Connections at once; the next takes the place of the one that has been silent for longest. */
export const MAX_CONNECTIONS = 64;
/** Bytes of a request's body. */
export const MAX_BODY = 4096;
/** Bytes of a request's head. */
const MAX_HEAD = 16_384;
/** Milliseconds that a request may take to arrive. */
const REQUEST_MS = 10_000;
/** Milliseconds that an answer may take to be read. */
const ANSWER_MS = 60_000;
/** Milliseconds that answers under way get when the server is closed. */
const CLOSE_MS = 1000;
/** Milliseconds of rest after an error of accepting, such as having no descriptor left. */
const BACKOFF_MS = 200;

/** Answers a request. Must not reject. */
export type Handler = (request: Request, source: string) => Response | Promise<Response>;

/** What a server is told and tells. */
export interface HttpOptions {
  readonly handler: Handler;
  /** Is told of errors of accepting, once until it works again. */
  readonly onError: (error: unknown) => void;
}

/** A connection of one request. */
class Connection {
  /** Whether its request is being answered. */
  answering = false;
  /** Whether all of its request has arrived. */
  arrived = false;
  readonly source: string;
  readonly closed: Promise<void>;
  readonly #conn: Deno.Conn;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(conn: Deno.Conn, stream: Duplex) {
    this.#conn = conn;
    const { remoteAddr } = conn;
    this.source = "hostname" in remoteAddr
      ? `${remoteAddr.hostname}:${remoteAddr.port}`
      : remoteAddr.transport;
    this.closed = new Promise((resolve) => stream.once("close", resolve));
    // Whatever breaks, closing is all that is to be done.
    stream.on("error", () => {});
    stream.once("close", () => this.close());
    this.limit(REQUEST_MS);
  }

  /** Closes it unless it ends within some milliseconds. */
  limit(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.close(), ms);
  }

  /** Takes the time that answering takes. */
  unlimited(): void {
    clearTimeout(this.#timer);
  }

  close(): void {
    clearTimeout(this.#timer);
    try {
      this.#conn.close();
    } catch (error) {
      // The streams over it close it as well.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

/** A server on a listening socket. */
export class HttpServer {
  readonly #listener: Deno.Listener;
  readonly #options: HttpOptions;
  readonly #http: Server;
  readonly #connections = new Map<Duplex, Connection>();
  readonly #accepting: Promise<void>;
  #closing = false;

  /**
   * @param listener A listening socket, which is the server's from now on
   * @param options What answers
   */
  constructor(listener: Deno.Listener, options: HttpOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#http = createServer(
      { maxHeaderSize: MAX_HEAD, headersTimeout: 0, requestTimeout: 0 },
      (incoming, outgoing) => this.#onRequest(incoming, outgoing),
    );
    this.#http.on("clientError", (error: Error & { code?: string }, stream: Duplex) => {
      const status = error.code === "HPE_HEADER_OVERFLOW"
        ? "431 Request Header Fields Too Large"
        : "400 Bad Request";
      stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    });
    this.#accepting = this.#accept();
  }

  async #accept(): Promise<void> {
    let told = false;
    for (;;) {
      try {
        const conn = await this.#listener.accept();
        told = false;
        if (this.#connections.size < MAX_CONNECTIONS || this.#makeRoom()) this.#onConnection(conn);
        else conn.close();
      } catch (error) {
        const failure = denoIo.classify(error);
        if (failure === "closed") return;
        // A client that left before it was accepted says nothing about the next one.
        if (failure === "reset") continue;
        if (!told) this.#options.onError(error);
        told = true;
        await new Promise((resolve) => setTimeout(resolve, BACKOFF_MS));
      }
    }
  }

  /** Closes who has been there for longest without having asked: silence must keep nobody out. */
  #makeRoom(): boolean {
    for (const [stream, connection] of this.#connections) {
      if (connection.arrived) continue;
      this.#connections.delete(stream);
      connection.close();
      return true;
    }
    return false;
  }

  #onConnection(conn: Deno.Conn): void {
    const { readable, writable } = conn;
    const stream = Duplex.fromWeb({ readable, writable });
    const connection = new Connection(conn, stream);
    this.#connections.set(stream, connection);
    stream.once("close", () => this.#connections.delete(stream));
    this.#http.emit("connection", stream);
  }

  #onRequest(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const stream: Duplex = incoming.socket;
    const connection = this.#connections.get(stream);
    // One that came behind another in the same connection, which the answer to that one closes.
    if (connection === undefined || connection.answering) return;
    connection.answering = true;
    this.#answer(incoming, outgoing, connection).catch(() => stream.destroy());
  }

  async #answer(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    connection: Connection,
  ): Promise<void> {
    const body = await readBody(incoming);
    connection.arrived = true;
    connection.unlimited();
    const head = incoming.method === "HEAD";
    const response = body === undefined
      ? tooLong()
      : await this.#options.handler(toRequest(incoming, body), connection.source);
    const answer = new Uint8Array(await response.arrayBuffer());
    connection.limit(this.#closing ? CLOSE_MS : ANSWER_MS);
    outgoing.writeHead(response.status, {
      ...Object.fromEntries(response.headers),
      "content-length": answer.length,
      connection: "close",
    });
    if (head) outgoing.end();
    else outgoing.end(answer);
  }

  /** Closes the server; answers under way get a second. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#listener.close();
    await this.#accepting;
    const ends = [...this.#connections.values()].map((connection) => {
      if (connection.answering) connection.limit(CLOSE_MS);
      else connection.close();
      return connection.closed;
    });
    await Promise.all(ends);
  }
}

function toRequest(incoming: IncomingMessage, body: Uint8Array<ArrayBuffer>): Request {
  const { method = "GET", url = "/", rawHeaders } = incoming;
  const reading = method === "GET" || method === "HEAD";
  const headers: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    headers.push([rawHeaders[i]!, rawHeaders[i + 1]!]);
  }
  // "*" and the absolute form are for proxies; only paths are served here.
  return new Request(`http://shunt${url.startsWith("/") ? url : "/"}`, {
    method: method === "HEAD" ? "GET" : method,
    headers,
    ...(reading || body.length === 0 ? {} : { body }),
  });
}

function tooLong(): Response {
  const message = `The body is longer than ${MAX_BODY} bytes`;
  return Response.json({ error: { code: "body_too_long", message } }, { status: 413 });
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
