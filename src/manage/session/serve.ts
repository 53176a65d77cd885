/**
 * The steps of one TCP session: PROXY header, detection, route, target, relay. Each step either leads to the
 * next or gives the reason why the session ends.
 *
 * @module
 */

import { type Detected, Detection, SILENT, UNKNOWN } from "../../detect/mod.ts";
import type { Step } from "../../detect/detector.ts";
import { ConnectError, DetectError, ResolveError } from "../../errors.ts";
import { faultsOf, FaultyStream } from "../../faults/mod.ts";
import type { Lingering } from "../../io/linger.ts";
import type { Stream } from "../../io/mod.ts";
import type { CloseReason } from "../../observe/reasons.ts";
import { proxyHeader } from "../../opening/proxy.ts";
import { unmapHost } from "../../wire/address.ts";
import { parseProxyHeader } from "../../wire/proxy_protocol.ts";
import type { Budget } from "../limits/budget.ts";
import type { Clock } from "../clock.ts";
import { type ConnectParts, connectUpstream } from "./connect.ts";
import { type Arrival, Head } from "./head.ts";
import { limitError } from "../limits/limits.ts";
import { say } from "./opening.ts";
import { startRelay } from "./relay.ts";
import type { ListenerState } from "../listener_state.ts";
import { UNREADABLE } from "../unreadable.ts";
import type { Session } from "./session.ts";
import type { Sessions } from "./sessions.ts";

/** Idle time of a session whose upstream sets none: 1 h. */
const IDLE_MS = 3_600_000;

/** What serving a session needs. */
export interface ServeParts extends ConnectParts {
  readonly clock: Clock;
  readonly sessions: Sessions;
  /** Bytes that all detections together may hold. */
  readonly budget: Budget;
  /** Connections of ended sessions whose last bytes are still being delivered. */
  readonly lingering: Lingering;
  /** Ends a session: {@linkcode Sessions.end}, bound. */
  readonly end: Sessions["end"];
}

/** Ends a session from within a step. */
class Stop extends Error {
  readonly reason: CloseReason;

  constructor(reason: CloseReason, cause?: unknown) {
    super(reason, { cause });
    this.reason = reason;
  }
}

/** Serves one accepted connection until its relay runs or it has ended. Never rejects. */
export async function serve(
  client: Stream,
  listener: ListenerState,
  parts: ServeParts,
): Promise<void> {
  const { sessions, clock } = parts;
  const session = sessions.open(listener, client);
  if (session === undefined) return;
  const { detect: limits, proxy_protocol } = listener.config;
  let head: Head | undefined;
  try {
    const { proxied } = session;
    if (!proxied && proxy_protocol.accept === "required") throw untrusted(session);
    if (proxied || needsBytes(session)) {
      const shed = () => parts.end(session, "detect_memory", detectError("detect_memory"));
      head = new Head(client, limits.max_bytes, parts.budget, shed);
      const deadline = session.started + limits.timeout;
      if (proxied) await readProxyHeader(session, head, deadline);
      if (needsBytes(session)) {
        const detection = new Detection("tcp", listener.router.wants);
        do {
          if (detection.step !== undefined) {
            await answer(session, head, detection.step, deadline);
          }
          // Mostly the first bytes come with the connection. Then there is no promise, here and below.
          const detected = detectNow(session, head, detection) ??
            await detect(session, { head, detection, deadline });
          if (session.detected !== undefined && detected.protocol === UNKNOWN.protocol) {
            throw detectStop("opening_violation");
          }
          session.detected = detected;
        } while (detection.step !== undefined);
        session.opening = detection.opening;
      }
      session.endDetection();
    }
    const connecting = connect(session, parts);
    const connected = connecting instanceof Promise ? await connecting : connecting;
    if (session.ended) {
      connected.close();
      throw new Stop("shutdown");
    }
    const server = withFaults(session, connected, parts);
    session.server = server;
    session.idleMs = session.upstream?.config.idle_timeout ?? IDLE_MS;
    session.connected();
    if (session.unsaid.length > 0) {
      head ??= new Head(client, limits.max_bytes, parts.budget);
      head.prepend(session.unsaid);
    }
    const relayed = head;
    head = undefined;
    startRelay(session, server, {
      io: parts.io,
      head: relayed,
      clock,
      end: parts.end,
    });
  } catch (error) {
    if (error instanceof Stop) {
      const unnamed = error.reason === "no_route" && hasUntrustedHeader(session, head);
      const stop = unnamed ? untrusted(session) : error;
      sessions.end(session, stop.reason, stop.cause);
    } else if (error instanceof ConnectError || error instanceof ResolveError) {
      sessions.end(session, error.code as CloseReason, error);
    } else sessions.end(session, "internal_error", error);
  } finally {
    head?.discard();
  }
}

const DETECT_MESSAGES = {
  proxy_header: "The PROXY header is missing or malformed",
  detect_memory: "Sessions and flows together hold all of limits.detect_memory",
  detect_timeout: "The client's protocol was not clear within detect.timeout",
  unreadable: UNREADABLE,
  opening_timeout: "The client was silent in the dialogue that its protocol begins with",
  opening_violation: "The client broke the rules of the dialogue that its protocol begins with",
} as const;

function detectStop(reason: keyof typeof DETECT_MESSAGES): Stop {
  return new Stop(reason, detectError(reason));
}

function detectError(reason: keyof typeof DETECT_MESSAGES): DetectError {
  return new DetectError(DETECT_MESSAGES[reason], { code: reason });
}

/** Ends the session of a peer that may send no PROXY header. None of its bytes have to be read for that. */
function untrusted({ source }: Session): Stop {
  const message = `Only peers in proxy_protocol.trusted may send a PROXY header; ` +
    `${source.host} is not among them`;
  return new Stop("proxy_untrusted", new DetectError(message, { code: "proxy_untrusted" }));
}

/** Reports whether an untrusted peer begins with a PROXY header, which counts as ordinary bytes then. */
function hasUntrustedHeader({ proxied, listener }: Session, head: Head | undefined): boolean {
  return !proxied && listener.config.proxy_protocol.accept === "optional" && head !== undefined &&
    parseProxyHeader(head.bytes).kind === "header";
}

function needsBytes(session: Session): boolean {
  return session.listener.router.needs("tcp", session.source.host) === "bytes";
}

async function more(session: Session, head: Head, deadline: number): Promise<Arrival> {
  try {
    return await head.more(session, deadline);
  } catch (error) {
    throw new Stop("client_reset", error);
  }
}

function moreNow(head: Head): Arrival | undefined {
  try {
    return head.moreNow();
  } catch (error) {
    throw new Stop("client_reset", error);
  }
}

async function readProxyHeader(session: Session, head: Head, deadline: number): Promise<void> {
  const { listener } = session;
  let needed = 1;
  for (;;) {
    if (head.length >= needed) {
      const result = parseProxyHeader(head.bytes);
      if (result.kind === "invalid") throw detectStop("proxy_header");
      if (result.kind === "none") break;
      if (result.kind === "header") {
        const { length, source, destination } = result.header;
        head.skip(length);
        if (source !== undefined) {
          session.source = { host: unmapHost(source.host), port: source.port };
        }
        if (destination !== undefined) session.destination = destination;
        return charge(session);
      }
      needed = result.bytes;
    }
    const arrival = await more(session, head, deadline);
    if (arrival === "bytes") continue;
    if (arrival === "no_memory") throw detectStop("detect_memory");
    if (arrival === "end" && head.length === 0) throw new Stop("client_closed");
    if (head.length > 0) throw detectStop("proxy_header");
    break;
  }
  if (listener.config.proxy_protocol.accept === "required") throw detectStop("proxy_header");
  charge(session);
}

/** Counts a session against the limits of its source, once a PROXY header has named that. */
function charge(session: Session): void {
  const refused = session.listener.limits.charge(session.source.host);
  if (refused !== undefined) throw new Stop(refused, limitError(refused));
  session.chargedTo = session.source.host;
}

/** Takes a client's part of a step, and answers it. */
async function answer(
  session: Session,
  head: Head,
  { consumed, says }: Step,
  deadline: number,
): Promise<void> {
  // The client has no answer yet, so the next layer must not trust what it sends (CVE-2021-23222).
  if (says.length > 0 && head.length > consumed) throw detectStop("opening_violation");
  head.skip(consumed);
  const heard = await say(session, session.client, says, deadline).catch((error: unknown) => {
    throw new Stop("client_reset", error);
  });
  if (!heard) throw detectStop("opening_timeout");
}

/** Detects with the bytes that are there already. */
function detectNow(session: Session, head: Head, detection: Detection): Detected | undefined {
  // There may be bytes behind a PROXY header.
  let detected = head.length > 0 ? detection.stream(head.bytes) : undefined;
  while (detected === undefined) {
    const arrival = moreNow(head);
    if (arrival === undefined) return undefined;
    detected = judge(session, head, { detection, arrival });
  }
  return detected;
}

async function detect(
  session: Session,
  { head, detection, deadline }: {
    readonly head: Head;
    readonly detection: Detection;
    readonly deadline: number;
  },
): Promise<Detected> {
  for (;;) {
    const arrival = await more(session, head, deadline);
    const detected = judge(session, head, { detection, arrival });
    if (detected !== undefined) return detected;
  }
}

/** Returns what is detected after an arrival; `undefined` if more is needed. */
function judge(
  { listener: { config }, detected }: Session,
  head: Head,
  { detection, arrival }: { readonly detection: Detection; readonly arrival: Arrival },
): Detected | undefined {
  switch (arrival) {
    case "bytes":
      return detection.stream(head.bytes);
    case "no_memory":
      throw detectStop("detect_memory");
    case "end":
      // A health check that connects and closes need not trouble a target.
      if (head.length === 0) throw new Stop("client_closed");
      return detection.conclude("client_end");
    case "full":
      return detection.conclude("max_bytes");
    case "deadline":
      // The client has an answer, and has not continued.
      if (detected !== undefined) throw detectStop("opening_timeout");
      if (config.detect.on_timeout === "close") throw detectStop("detect_timeout");
      return head.length === 0 ? SILENT : detection.conclude("deadline");
  }
}

/** Routes a session and connects it to a target. */
function connect(session: Session, parts: ServeParts): Stream | Promise<Stream> {
  const route = session.findRoute(session.seen);
  if (route === "unreadable") throw detectStop(route);
  if (route === "no_route") throw new Stop(route);
  const upstream = session.listener.upstreams.get(route.upstream);
  if (upstream === undefined) throw new Stop("internal_error");
  session.upstream = upstream;
  const { send_proxy_protocol: version } = upstream.config;
  if (version !== "off") {
    const { source, destination = session.client.local } = session;
    session.unsaid = proxyHeader(version, { source, destination, transport: "tcp" });
  }
  return connectUpstream(session, upstream, parts);
}

/** Adds the faults that the configuration asks for to a connection. */
function withFaults(session: Session, server: Stream, parts: ServeParts): Stream {
  const { route, upstream, client } = session;
  const plan = upstream === undefined ? undefined : faultsOf(route, upstream);
  if (plan === undefined) return server;
  return new FaultyStream(server, plan, {
    lingering: parts.lingering,
    onReset() {
      client.reset?.();
      server.reset?.();
      parts.end(session, "fault");
    },
  });
}
