/**
 * Finds a target that answers: picks, resolves, connects, and tries others when one fails. Knows
 * nothing of protocols and routes.
 *
 * @module
 */

import { ConnectError, messageOf, ResolveError } from "../../errors.ts";
import { Attempt, givenUp } from "../../io/attempt.ts";
import type { Io, IoFailure, Stream, StreamAddress } from "../../io/mod.ts";
import type { CloseReason } from "../../observe/metrics/counters.ts";
import type { Addresses, NameResolver } from "../../resolve/dns.ts";
import type { BuiltinName } from "../../wire/address.ts";
import { orderAddresses, type Target, type Upstream } from "../../resolve/upstream.ts";
import { openTarget } from "./opening.ts";
import { clearDeadline, type Session } from "./session.ts";

/** RFC 8305 §5 recommends 250 ms between attempts on the addresses of one name. */
const ATTEMPT_DELAY_MS = 250;
/**
 * Attempts of one session at once. Starting a fifth cancels the oldest, which has had one second by
 * then: each attempt holds a descriptor that no limit accounts for, and a name may have many dead addresses.
 */
const MAX_ATTEMPTS = 4;

/** What connecting needs beside the session. */
export interface ConnectParts {
  readonly io: Io;
  readonly resolver: NameResolver;
  /** Makes the in-process end of a `builtin:` target. */
  readonly builtin: (session: Session, name: BuiltinName) => Stream;
}

/** The close reason of each way in which connecting fails. */
const REASONS: Readonly<Record<IoFailure, CloseReason>> = {
  refused: "connect_refused",
  timed_out: "connect_timeout",
  unreachable: "connect_failed",
  host_unreachable: "connect_failed",
  reset: "connect_failed",
  closed: "connect_failed",
  no_descriptors: "no_descriptors",
  not_sent: "connect_failed",
  in_use: "connect_failed",
  denied: "connect_failed",
  other: "connect_failed",
};

/**
 * Connects a session to a target of its upstream, trying up to `retries` others.
 *
 * @param session The session; its `target` and `server` are set
 * @param upstream Where its route leads
 * @param parts Sockets, resolver and clock
 * @returns The connection, at once where nothing has to be waited for
 * @throws {ResolveError} when no target is usable or a name cannot be resolved
 * @throws {ConnectError} when no target answered; the last failure is its cause. A promise may reject
 * likewise
 */
export function connectUpstream(
  session: Session,
  upstream: Upstream,
  parts: ConnectParts,
): Stream | Promise<Stream> {
  const tried: Target[] = [];
  let failure: unknown;
  const next = (): Stream | Promise<Stream> => {
    while (tried.length <= upstream.config.retries && !session.ended) {
      const target = upstream.pick(session.source, tried);
      if (target === undefined) break;
      tried.push(target);
      // Another worker's session may have been faster.
      if (!upstream.take(target)) continue;
      session.target = target;
      try {
        const server = connectTarget(session, upstream, target, parts);
        if (!(server instanceof Promise)) return server;
        return server.catch((error: unknown) => {
          failed(target, error);
          return next();
        });
      } catch (error) {
        failed(target, error);
      }
    }
    throw failure ?? new ResolveError(
      `No target of upstream "${upstream.name}" is usable; check their limits and states`,
      { code: "no_target", context: { session: session.id, upstream: upstream.name } },
    );
  };
  const failed = (target: Target, error: unknown) => {
    failure = error;
    // Ending the session gives its target's place back itself.
    if (session.ended) return;
    target.sessions.add(-1);
    session.target = undefined;
  };
  return next();
}

function connectTarget(
  session: Session,
  upstream: Upstream,
  target: Target,
  parts: ConnectParts,
): Stream | Promise<Stream> {
  const { address } = target;
  if (address.kind === "builtin") {
    return openTarget(session, parts.builtin(session, address.name));
  }
  const attempt = new Attempt();
  const explain = (error: unknown) => {
    if (error instanceof ResolveError) return error;
    const kind = parts.io.classify(error);
    // Want of descriptors or permission says nothing of the target, nor does a session that ended.
    if (kind !== "no_descriptors" && kind !== "denied" && !session.ended) target.failed();
    const why = address.kind === "unix" && kind === "refused"
      ? "nothing listens at that path"
      : describe(kind, error);
    return new ConnectError(`Cannot connect to target "${target.name}": ${why}`, {
      code: REASONS[kind],
      context: { session: session.id, upstream: upstream.name, target: target.name },
      cause: error,
    });
  };
  try {
    const server = address.kind === "unix" || target.isLiteral
      ? parts.io.connect(address, attempt)
      : connectName(session, upstream, target, { ...parts, attempt });
    if (!(server instanceof Promise)) return openTarget(session, server);
    session.cancel = () => attempt.giveUp();
    session.onDeadline = session.cancel;
    const at = performance.now() + upstream.config.connect_timeout;
    session.deadline = at;
    return server.then((stream) => {
      stopWaiting(session);
      return openTarget(session, stream, at);
    }, (error: unknown) => {
      stopWaiting(session);
      throw explain(error);
    });
  } catch (error) {
    throw explain(error);
  }
}

function stopWaiting(session: Session): void {
  clearDeadline(session);
  session.cancel = undefined;
}

function describe(kind: IoFailure, error: unknown): string {
  switch (kind) {
    case "refused":
      return "connection refused";
    case "timed_out":
      return "no answer within connect_timeout";
    case "unreachable":
    case "host_unreachable":
      return "address unreachable";
    case "denied":
      return `not permitted (${messageOf(error)}); with Deno, allow it by --allow-net`;
    default:
      return messageOf(error);
  }
}

/** Connects to one of the addresses that a target's name has. */
function connectName(
  session: Session,
  upstream: Upstream,
  target: Target,
  { io, resolver, attempt }: ConnectParts & { readonly attempt: Attempt },
): Stream | Promise<Stream> {
  const { address } = target;
  if (address.kind !== "inet") throw new TypeError("Only an address with a host has a name");
  const { host, port } = address;
  const choose = ({ list }: Addresses) => {
    const ordered = orderAddresses(upstream, target, list, session.source);
    return connectAny(ordered.map((ip) => ({ kind: "inet", host: ip, port })), io, attempt);
  };
  const found = resolver.resolve(host);
  if (!(found instanceof Promise)) return choose(found);
  const asked = performance.now();
  const answered = () => {
    session.resolveMs = (session.resolveMs ?? 0) + performance.now() - asked;
  };
  found.then(answered, answered);
  return new Promise((resolve, reject) => {
    attempt.onGiveUp = () =>
      reject(
        new ResolveError("No name server answered within connect_timeout", { code: "dns_failed" }),
      );
    found.then((addresses) => {
      attempt.onGiveUp = undefined;
      if (attempt.givenUp) return;
      return choose(addresses);
    }).then((stream) => stream === undefined ? undefined : resolve(stream), reject);
  });
}

/** Tries addresses of one name in turn, the next one early where one is slow (RFC 8305 §5). */
function connectAny(
  addresses: readonly StreamAddress[],
  io: Io,
  attempt: Attempt,
): Stream | Promise<Stream> {
  const only = addresses[0];
  if (only !== undefined && addresses.length === 1) return io.connect(only, attempt);
  return new Promise((resolve, reject) => {
    const attempts = new Set<Attempt>();
    let next = 0;
    let settled = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = () => {
      settled = true;
      clearTimeout(timer);
      attempt.onGiveUp = undefined;
      for (const other of attempts) other.giveUp();
    };
    const connected = (stream: Stream) => {
      if (settled) return stream.close();
      settle();
      resolve(stream);
    };
    const failed = (own: Attempt, error: unknown) => {
      // One that had to make room is not followed by another at once.
      if (!attempts.delete(own) || settled) return;
      if (next < addresses.length) return start();
      if (attempts.size > 0) return;
      settle();
      reject(error);
    };
    const start = () => {
      clearTimeout(timer);
      const address = addresses[next++];
      if (address === undefined) return;
      const [oldest] = attempts;
      if (oldest !== undefined && attempts.size >= MAX_ATTEMPTS) {
        attempts.delete(oldest);
        oldest.giveUp();
      }
      const own = new Attempt();
      attempts.add(own);
      // A promise of its own: what fails at once must not start the next within this call.
      Promise.resolve().then(() => io.connect(address, own)).then(
        connected,
        (error: unknown) => failed(own, error),
      );
      if (next < addresses.length) timer = setTimeout(start, ATTEMPT_DELAY_MS);
    };
    attempt.onGiveUp = () => {
      settle();
      reject(givenUp());
    };
    start();
  });
}
