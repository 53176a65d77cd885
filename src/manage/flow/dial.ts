/**
 * Opens a socket to a flow's target. Knows nothing of protocols and routes, nor of what is sent.
 *
 * @module
 */

import { isIPv6 } from "node:net";
import { ConnectError } from "../../errors.ts";
import { faultsOf, faultySocket } from "../../faults/mod.ts";
import type { Io, TargetOptions, TargetSocket } from "../../io/mod.ts";
import type { Addresses, NameResolver } from "../../resolve/dns.ts";
import { orderAddresses, type Target, type Upstream } from "../../resolve/upstream.ts";
import { type BuiltinName, canonicalHost } from "../../wire/address.ts";
import { resolveFor, tryTargets } from "../dial.ts";
import type { FlowData } from "./data.ts";

/** What dialing needs beside the flow. */
export interface DialParts {
  readonly io: Io;
  readonly resolver: NameResolver;
  /** Makes the in-process end of a `builtin:` target. */
  readonly builtin: (data: FlowData, name: BuiltinName, options: TargetOptions) => TargetSocket;
}

/** What one flow's dialing needs. */
export interface DialOptions extends DialParts, TargetOptions {}

/**
 * Opens a socket to a target of a flow's upstream, trying up to `retries` others.
 *
 * @param data The flow; its `target` is set
 * @param upstream Where its route leads
 * @param options Sockets, resolver and what to do with answers
 * @returns The socket, at once if no name has to be resolved: a burst that begins a flow need not be held.
 * The flow may have ended meanwhile
 * @throws {ResolveError} when no target is usable or a name cannot be resolved
 * @throws {ConnectError} when no socket could be opened. A promise may reject likewise
 */
export function dialUpstream(
  data: FlowData,
  upstream: Upstream,
  options: DialOptions,
): TargetSocket | Promise<TargetSocket> {
  return tryTargets(data, upstream, (target) => dialTarget(data, upstream, target, options));
}

function dialTarget(
  data: FlowData,
  upstream: Upstream,
  target: Target,
  options: DialOptions,
): TargetSocket | Promise<TargetSocket> {
  const { address } = target;
  const plan = faultsOf(data.route, upstream);
  const open = (dial: (options: TargetOptions) => TargetSocket) =>
    plan === undefined ? dial(options) : faultySocket(dial, options, plan);
  const failure = (message: string, cause?: unknown) =>
    new ConnectError(message, {
      code: "connect_failed",
      context: { flow: data.id, upstream: upstream.name, target: target.name },
      cause,
    });
  if (address.kind === "builtin") {
    return open((told) => options.builtin(data, address.name, told));
  }
  if (address.kind === "unix") throw failure(`Target "${target.name}" takes no datagrams`);
  const { host, port } = address;
  const dial = (ip: string) => {
    try {
      return open((told) => options.io.dial({ host: canonicalHost(ip), port }, told));
    } catch (error) {
      throw failure(`Cannot open a socket for target "${target.name}"`, error);
    }
  };
  if (target.isLiteral) return dial(host);
  const choose = (found: Addresses) => {
    const list = orderAddresses(upstream, target, found.list, data.source);
    // No answer tells a dead address from a quiet one, so the family that works everywhere is used.
    return dial(list.find((ip) => !isIPv6(ip)) ?? list[0] ?? host);
  };
  const found = resolveFor(data, host, options.resolver);
  return found instanceof Promise ? found.then(choose) : choose(found);
}
