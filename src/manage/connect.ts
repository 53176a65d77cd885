/**
 * Finds a target that answers: picks, resolves, connects, and tries others when one fails. Knows
 * nothing of protocols and routes.
 *
 * @module
 */

import { ConnectError, messageOf, ResolveError } from "../errors.ts";
import type { Io, IoFailure, Stream } from "../io/mod.ts";
import type { CloseReason } from "../observe/counters.ts";
import type { NameResolver } from "../resolve/dns.ts";
import type { BuiltinName } from "../wire/address.ts";
import { orderAddresses, type Target, type Upstream } from "../resolve/upstream.ts";
import { clearDeadline, type Session } from "./session.ts";

/** RFC 8305 §5 recommends 250 ms between attempts on the addresses of one name. */
const ATTEMPT_DELAY_MS = 250;
/**
 * Attempts of one session at once. One more ends the oldest, which has had 1 s by then: each holds a
 * descriptor that no limit counts, and a name may have any number of dead addresses.
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
 * @returns The connection
 * @throws {ResolveError} when no target is usable or a name cannot be resolved
 * @throws {ConnectError} when no target answered; the last failure is its cause
 */
export async function connectUpstream(
  session: Session,
  upstream: Upstream,
  parts: ConnectParts,
): Promise<Stream> {
  const tried: Target[] = [];
  let failure: unknown;
  while (tried.length <= upstream.config.retries && !session.ended) {
    const target = upstream.pick(session.source, tried);
    if (target === undefined) break;
    tried.push(target);
    target.sessions.add(1);
    session.target = target;
    try {
      return await connectTarget(session, upstream, target, parts);
    } catch (error) {
      failure = error;
    }
    // Ending the session gives its target's place back itself.
    if (session.ended) break;
    target.sessions.add(-1);
    session.target = undefined;
  }
  throw failure ?? new ResolveError(
    `No target of upstream "${upstream.name}" is usable; check their limits and states`,
    { code: "no_target", context: { session: session.id, upstream: upstream.name } },
  );
}

async function connectTarget(
  session: Session,
  upstream: Upstream,
  target: Target,
  parts: ConnectParts,
): Promise<Stream> {
  const { address } = target;
  if (address.kind === "builtin") return parts.builtin(session, address.name);
  const controller = new AbortController();
  session.cancel = () => controller.abort();
  session.onDeadline = session.cancel;
  session.deadline = performance.now() + upstream.config.connect_timeout;
  try {
    if (address.kind === "unix") return await parts.io.connect(address, controller.signal);
    const { host, port } = address;
    if (target.isLiteral) return await parts.io.connect(address, controller.signal);
    const found = await orAbort(parts.resolver.resolve(host), controller.signal);
    const list = orderAddresses(upstream, target, found.list, session.source);
    return await connectAny(
      list.map((ip) => ({ kind: "inet", host: ip, port })),
      parts.io,
      controller.signal,
    );
  } catch (error) {
    if (error instanceof ResolveError) throw error;
    const kind = parts.io.classify(error);
    // Want of descriptors or permission says nothing of the target, nor does a session that ended.
    if (kind !== "no_descriptors" && kind !== "denied" && !session.ended) target.failed();
    const why = address.kind === "unix" && kind === "refused"
      ? "nobody listens at that path"
      : describe(kind, error);
    throw new ConnectError(`Cannot connect to target "${target.name}": ${why}`, {
      code: REASONS[kind],
      context: { session: session.id, upstream: upstream.name, target: target.name },
      cause: error,
    });
  } finally {
    clearDeadline(session);
    session.cancel = undefined;
  }
}

function describe(kind: IoFailure, error: unknown): string {
  switch (kind) {
    case "refused":
      return "connection refused";
    case "timed_out":
      return "no answer within connect_timeout";
    case "unreachable":
      return "address unreachable";
    case "denied":
      return `not permitted (${messageOf(error)}); with Deno, allow it by --allow-net`;
    default:
      return messageOf(error);
  }
}

function orAbort<T>(promise: T | Promise<T>, signal: AbortSignal): T | Promise<T> {
  if (!(promise instanceof Promise)) return promise;
  return new Promise((resolve, reject) => {
    const giveUp = () =>
      reject(
        new ResolveError("No name server answered within connect_timeout", { code: "dns_failed" }),
      );
    signal.addEventListener("abort", giveUp, { once: true });
    promise.then(resolve, reject);
  });
}

/** Tries addresses of one name in turn, the next one early where one is slow (RFC 8305 §5). */
function connectAny(
  addresses: readonly { readonly kind: "inet"; readonly host: string; readonly port: number }[],
  io: Io,
  signal: AbortSignal,
): Promise<Stream> {
  signal.throwIfAborted();
  const only = addresses[0];
  if (only !== undefined && addresses.length === 1) return io.connect(only, signal);
  return new Promise((resolve, reject) => {
    const attempts = new Set<AbortController>();
    let next = 0;
    let settled = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = () => {
      settled = true;
      clearTimeout(timer);
      for (const attempt of attempts) attempt.abort();
      signal.removeEventListener("abort", giveUp);
    };
    const giveUp = () => {
      settle();
      reject(signal.reason);
    };
    const start = () => {
      clearTimeout(timer);
      const address = addresses[next++];
      if (address === undefined) return;
      const [oldest] = attempts;
      if (oldest !== undefined && attempts.size >= MAX_ATTEMPTS) {
        attempts.delete(oldest);
        oldest.abort();
      }
      const attempt = new AbortController();
      attempts.add(attempt);
      io.connect(address, attempt.signal).then((stream) => {
        if (settled) return stream.close();
        settle();
        resolve(stream);
      }, (error: unknown) => {
        // One that had to make room is not followed by another at once.
        if (!attempts.delete(attempt) || settled) return;
        if (next < addresses.length) return start();
        if (attempts.size > 0) return;
        settle();
        reject(error);
      });
      if (next < addresses.length) timer = setTimeout(start, ATTEMPT_DELAY_MS);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    start();
  });
}
