/**
 * An HTTP server that slow or hostile clients cannot hurt, for a function from request to answer. Knows
 * connections and limits, nothing about the requests' meaning.
 *
 * Neither `Deno.serve` nor Node's server distinguishes connections by what they cost. Here each connection
 * has one request and a place. If all places are taken, the source that holds most of them loses its oldest
 * request that has not arrived, or its oldest answer that is not read. Urgent requests are answered as soon
 * as they have arrived. The others take turns, source by source, and get half of the time at most.
 *
 * @module
 */

import { descriptorLimit } from "../io/descriptors.ts";
import { denoIo } from "../io/deno.ts";
import type { Displacement } from "../observe/metrics/measures.ts";
import { within } from "../within.ts";
import { Connection } from "./connection.ts";
import { MAX_FIELDS } from "./head.ts";
import { type Arrived, type BadRequest, MAX_BODY, MAX_HEAD } from "./incoming.ts";
import { type Phase, Places, Turns } from "./places.ts";
import { writeAnswer } from "./response.ts";

/** Bytes of unread answers that are kept. */
const MAX_UNSENT = 16 * 1024 * 1024;
/** Unread answers that are kept. */
const MAX_ANSWERS = 64;
/** Requests that may wait for their turn; further ones are answered with 503. */
const MAX_TURNS = 64;
/** Requests processed at once. */
const MAX_WORK = 16;
/** Milliseconds that processing a request may take. */
const WORK_MS = 60_000;
/** Milliseconds that the next request waits for it. */
const TURN_MS = 50;
/** Milliseconds in which an answer must be read. */
const ANSWER_MS = 60_000;
/** Milliseconds for the refusal of a malformed request. */
const REFUSAL_MS = 2000;
/** Milliseconds for pending answers when the server is closed. */
const CLOSE_MS = 1000;
/** Milliseconds between two checks of the deadlines. */
const TICK_MS = 100;
/** Milliseconds of rest after an error of accepting, such as running out of descriptors. */
const BACKOFF_MS = 200;
/** Connections accepted between two turns of the event loop; half of the places if that is less. */
const MAX_BATCH = 64;
/** Milliseconds during which no connection loses its place: at most, and per place (2000 connections/s). */
const [MAX_GRACE_MS, GRACE_MS_PER_PLACE] = [100, 0.5] as const;
/** Phases in which a connection may lose its place. */
const DISPLACEABLE: readonly Phase[] = ["request", "answer"];
/** Limits for the number of connections at once. */
const [MOST, LEAST] = [1024, 64] as const;
/** The admin address gets one of this many descriptors of the process. */
const SHARE = 16;
/** For systems that do not report the number of descriptors. */
const DESCRIPTORS = 4096;

/** Returns how many connections there may be at once: as many as the descriptors besides sessions allow. */
export function maxConnections(): number {
  const share = Math.floor((descriptorLimit() ?? DESCRIPTORS) / SHARE);
  return Math.min(MOST, Math.max(LEAST, share));
}

/** Answers a request. Must not reject. */
export type Handler = (request: Request, source: string) => Response | Promise<Response>;

/** The options of a server. */
export interface HttpOptions {
  readonly handler: Handler;
  /** Reports whether a path, without its query, is answered before all others. */
  readonly isUrgent?: (path: string) => boolean;
  /** Called for an error of accepting, and not again until accepting has worked. */
  readonly onError: (error: unknown) => void;
  /** Called for each client that lost its place. */
  readonly onDisplaced?: (what: Displacement) => void;
}

/** A request that waits for its turn. */
class WaitingRequest {
  readonly phase: Phase = "turn";
  readonly source: string;

  constructor(readonly connection: Connection, readonly arrived: Arrived) {
    this.source = connection.source;
  }
}

/** A server on a listening socket. */
export class HttpServer {
  readonly #listener: Deno.Listener;
  readonly #options: HttpOptions;
  readonly #places = new Places<Connection>();
  readonly #turns = new Turns<WaitingRequest>(MAX_TURNS);
  /** Requests that are processed now. */
  readonly #work = new Set<Promise<void>>();
  #working: Promise<void> | undefined;
  readonly #most = maxConnections();
  readonly #graceMs = Math.min(MAX_GRACE_MS, this.#most * GRACE_MS_PER_PLACE);
  readonly #batch = Math.min(MAX_BATCH, this.#most / 2);
  /** Connections whose requests wait for their turn or are processed. */
  #inHand = 0;
  #answers = 0;
  #unsent = 0;
  readonly #accepting: Promise<void>;
  /** One answer for all, since many are needed at the same time. */
  readonly #busy = refuse(503);
  #ticks: ReturnType<typeof setInterval> | undefined;
  #closing = false;

  /**
   * @param listener A listening socket, which the server owns from now on
   * @param options The handler and what to call
   */
  constructor(listener: Deno.Listener, options: HttpOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#accepting = this.#accept();
  }

  /** Number of connections. */
  get size(): number {
    return this.#places.size;
  }

  async #accept(): Promise<void> {
    let reported = false;
    let batch = 0;
    for (;;) {
      try {
        const conn = await this.#listener.accept();
        reported = false;
        // Connections that are already queued are accepted without a turn of the event loop, but their
        // bytes are only read in one.
        if (++batch % this.#batch === 0) await pause(0);
        if (this.#isFull) await this.#makeRoom();
        const connection = new Connection(conn, (closed) => this.#onClosed(closed));
        this.#places.add(connection);
        this.#ticks ??= setInterval(() => this.#tick(), TICK_MS);
        void this.#serve(connection);
      } catch (error) {
        const failure = denoIo.classify(error);
        if (failure === "closed") return;
        // A client that left before it was accepted says nothing about the next one.
        if (failure === "reset") continue;
        if (failure === "no_descriptors" && this.#displace(DISPLACEABLE)) continue;
        if (!reported) this.#options.onError(error);
        reported = true;
        await pause(BACKOFF_MS);
      }
    }
  }

  /** Connections that wait for shunt have limits of their own. */
  get #isFull(): boolean {
    return this.#places.size - this.#inHand >= this.#most;
  }

  /** Gives the newest connections time to send their request, as all honest clients do. */
  async #makeRoom(): Promise<void> {
    const age = this.#places.oldest(DISPLACEABLE)?.age ?? Infinity;
    if (age < this.#graceMs) await pause(this.#graceMs - age);
    if (this.#isFull) this.#displace(DISPLACEABLE);
  }

  #tick(): void {
    const now = performance.now();
    for (const connection of this.#places) connection.tick(now);
  }

  #onClosed(connection: Connection): void {
    this.#places.remove(connection);
    if (this.#places.size === 0) {
      clearInterval(this.#ticks);
      this.#ticks = undefined;
    }
    if (connection.phase === "answer") {
      this.#answers--;
      this.#unsent -= connection.size;
    } else if (connection.phase !== "request") this.#inHand--;
  }

  /**
   * Closes the oldest connection in some phases, of the source that has most of them, so that no source can
   * keep others out.
   */
  #displace(phases: readonly Phase[], spared?: Connection): boolean {
    const oldest = this.#places.oldest(phases, spared);
    if (oldest === undefined) return false;
    this.#options.onDisplaced?.(oldest.phase === "answer" ? "answer" : "request");
    oldest.close();
    return true;
  }

  async #serve(connection: Connection): Promise<void> {
    try {
      const arrived = await connection.receive();
      if (connection.isClosed) return;
      if (arrived === undefined) return connection.close();
      // From here until a part of the answer is sent, the client is not the one that is waited for.
      connection.phase = "turn";
      this.#inHand++;
      connection.limit(WORK_MS);
      if (typeof arrived === "number") {
        return await this.#send(connection, await refuse(arrived), REFUSAL_MS);
      }
      const waiting = new WaitingRequest(connection, arrived);
      if (this.#isUrgent(arrived)) return await this.#answer(waiting, { brief: true });
      const gone = this.#turns.push(waiting);
      this.#working ??= this.#takeTurns();
      if (gone === undefined) return;
      this.#options.onDisplaced?.("turn");
      this.#sendShort(gone.connection, await this.#busy);
    } catch {
      // Whatever broke, closing is all that can be done.
      connection.close();
    }
  }

  #isUrgent({ head: { target } }: Arrived): boolean {
    return this.#options.isUrgent?.(target.split("?", 1)[0]!) ?? false;
  }

  async #takeTurns(): Promise<void> {
    for (let next = this.#turns.next(); next !== undefined; next = this.#turns.next()) {
      const began = performance.now();
      const work = this.#answer(next).finally(() => this.#work.delete(work));
      this.#work.add(work);
      await within(TURN_MS, work);
      // The same time again is left for traffic and for urgent requests.
      const used = Math.min(TURN_MS, performance.now() - began);
      await pause(used);
      if (this.#work.size >= MAX_WORK) await Promise.race(this.#work);
    }
    this.#working = undefined;
  }

  /** Answers a request. Settles once there is an answer, or the client has left. Never rejects. */
  async #answer({ connection, arrived }: WaitingRequest, { brief = false } = {}): Promise<void> {
    connection.phase = "work";
    try {
      const request = toRequest(arrived);
      const response = request === undefined ? refusal(501) : await Promise.race([
        this.#options.handler(request, connection.remote),
        connection.closed,
      ]);
      if (response === undefined || connection.isClosed) return;
      const bytes = await writeAnswer(response, arrived.head.method === "HEAD");
      if (brief) this.#sendShort(connection, bytes);
      else this.#send(connection, bytes, ANSWER_MS).catch(() => {});
    } catch {
      connection.close();
    }
  }

  /** Sends a short answer, which a fresh socket takes completely, and closes. The kernel delivers it. */
  #sendShort(connection: Connection, answer: Uint8Array): void {
    connection.begin(answer).catch(() => {}).finally(() => connection.close());
  }

  async #send(connection: Connection, answer: Uint8Array, ms: number): Promise<void> {
    if (connection.isClosed) return;
    connection.limit(this.#closing ? CLOSE_MS : ms);
    try {
      const rest = await connection.begin(answer);
      if (connection.isClosed) return;
      connection.phase = "answer";
      this.#inHand--;
      connection.size = rest.length === 0 ? 0 : answer.length;
      this.#answers++;
      this.#unsent += connection.size;
      while (this.#answers > MAX_ANSWERS || this.#unsent > MAX_UNSENT) {
        if (!this.#displace(["answer"], connection)) break;
      }
      await connection.finish(rest);
    } finally {
      connection.close();
    }
  }

  /** Closes the server. Pending answers get a second. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#listener.close();
    await this.#accepting;
    const ends = [...this.#places].map((connection) => {
      if (connection.phase === "request" || connection.isSent) connection.close();
      else connection.limit(CLOSE_MS);
      return connection.closed;
    });
    await Promise.all(ends);
    await this.#working;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function toRequest({ head, body }: Arrived): Request | undefined {
  const { method, target, headers } = head;
  const reading = method === "GET" || method === "HEAD";
  try {
    // "*" and the absolute form are for proxies; only paths are served here.
    return new Request(`http://shunt${target.startsWith("/") ? target : "/"}`, {
      method: method === "HEAD" ? "GET" : method,
      headers: headers.map(([name, value]): [string, string] => [name, value]),
      ...(reading || body.length === 0 ? {} : { body }),
    });
  } catch {
    // CONNECT, TRACE and TRACK.
    return undefined;
  }
}

const REFUSALS: Readonly<Record<BadRequest | 503, readonly [code: string, message: string]>> = {
  400: ["bad_http", "This is no HTTP/1 request"],
  413: ["body_too_long", `The body is longer than ${MAX_BODY} bytes`],
  417: ["bad_expect", "Only 100-continue may be expected"],
  431: [
    "head_too_long",
    `The head is longer than ${MAX_HEAD} bytes, or has more than ${MAX_FIELDS} fields`,
  ],
  501: ["not_implemented", "This method or transfer coding is not served here"],
  503: ["busy", "Too many requests wait for their turn; try again"],
};

function refusal(status: BadRequest | 503): Response {
  const [code, message] = REFUSALS[status];
  return Response.json({ error: { code, message } }, { status });
}

function refuse(status: BadRequest | 503): Promise<Uint8Array> {
  return writeAnswer(refusal(status), false);
}
