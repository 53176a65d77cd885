/**
 * Connects a session to a target: races the addresses of its name, within the upstream's `connect_timeout`.
 * Knows nothing about protocols and routes.
 *
 * @module
 */

import { ConnectError, messageOf, ResolveError } from "../../errors.ts";
import { Attempt, unlessGivenUp } from "../../io/attempt.ts";
import type { Io, IoFailure, Stream } from "../../io/mod.ts";
import { race } from "../../io/race.ts";
import type { CloseReason } from "../../observe/reasons.ts";
import type { NameAddresses, NameResolver } from "../../resolve/dns.ts";
import { orderAddresses, type Target, type Upstream } from "../../resolve/upstream.ts";
import type { BuiltinName } from "../../wire/address.ts";
import { resolveFor, tryTargets } from "../dial.ts";
import { openTarget } from "./opening.ts";
import { clearDeadline, type Session } from "./session.ts";

/**
 * Attempts of one session at once. Starting a fifth cancels the oldest, which has had one second by
 * then: each attempt holds a descriptor that no limit accounts for, and a name may have many dead addresses.
 */
const MAX_ATTEMPTS = 4;

/** What connecting needs besides the session. */
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
 * @param session The session; its `target` is set
 * @param upstream The upstream of its route
 * @param parts What connecting needs
 * @returns The connection, without a promise if nothing has to be waited for
 * @throws {ResolveError} if no target is usable or a name cannot be resolved
 * @throws {ConnectError} if no target answered; the last failure is its cause. A promise may reject with the
 * same
 */
export function connectUpstream(
  session: Session,
  upstream: Upstream,
  parts: ConnectParts,
): Stream | Promise<Stream> {
  return tryTargets(session, upstream, (target) => connectTarget(session, upstream, target, parts));
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
    // A lack of descriptors or permission says nothing about the target, nor does a session that has ended.
    if (kind !== "no_descriptors" && kind !== "denied" && !session.ended) target.failed("session");
    const why = address.kind === "unix" && kind === "refused"
      ? "nobody listens at that path"
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
  const choose = ({ list }: NameAddresses) =>
    race(orderAddresses(upstream, target, list, session.source), {
      start: (ip, attempt) => io.connect({ kind: "inet", host: ip, port }, attempt),
      onLate: (stream) => stream.close(),
      attempt,
      atOnce: MAX_ATTEMPTS,
    });
  const found = resolveFor(session, host, resolver);
  if (!(found instanceof Promise)) return choose(found);
  const late = () =>
    new ResolveError("No name server answered within connect_timeout", { code: "dns_failed" });
  return unlessGivenUp(found, attempt, late).then(choose);
}
