/**
 * Opens a socket to a flow's target. Knows nothing about protocols, routes, or what is sent.
 *
 * @module
 */

import { isIPv6 } from "node:net";
import { ConnectError } from "../../errors.ts";
import { faultsOf, faultySocket } from "../../faults/mod.ts";
import type { Io, TargetOptions, TargetSocket } from "../../io/mod.ts";
import type { NameAddresses, NameResolver } from "../../resolve/dns.ts";
import { orderAddresses, type Target, type Upstream } from "../../resolve/upstream.ts";
import { type BuiltinName, canonicalHost } from "../../wire/address.ts";
import { resolveFor } from "../dial.ts";
import type { FlowData } from "./data.ts";

/** What dialing needs. */
export interface DialParts {
  readonly io: Io;
  readonly resolver: NameResolver;
  /** Makes the in-process end of a `builtin:` target. */
  readonly builtin: (data: FlowData, name: BuiltinName, on: TargetOptions) => TargetSocket;
}

/** What one flow's dialing needs. */
export interface DialOptions {
  readonly upstream: Upstream;
  readonly parts: DialParts;
  /** Takes answers. The socket keeps it. */
  readonly on: TargetOptions;
}

/**
 * Opens a socket to one target for a flow.
 *
 * @returns The socket, without a promise if no name has to be resolved, so that a burst that begins a flow
 * need not be held
 * @throws {ResolveError} if the target's name cannot be resolved
 * @throws {ConnectError} if no socket could be opened. A promise may reject with the same
 */
export function dialTarget(
  data: FlowData,
  target: Target,
  { upstream, parts, on }: DialOptions,
): TargetSocket | Promise<TargetSocket> {
  const { address } = target;
  const plan = faultsOf(data.route, upstream);
  const open = (dial: (on: TargetOptions) => TargetSocket) =>
    plan === undefined ? dial(on) : faultySocket(dial, on, plan);
  const failure = (message: string, cause?: unknown) =>
    new ConnectError(message, {
      code: "connect_failed",
      context: { flow: data.id, upstream: upstream.name, target: target.name },
      cause,
    });
  if (address.kind === "builtin") return open((on) => parts.builtin(data, address.name, on));
  if (address.kind === "unix") throw failure(`Target "${target.name}" takes no datagrams`);
  const { host, port } = address;
  const dial = (ip: string) => {
    try {
      return open((on) => parts.io.dial({ host: canonicalHost(ip), port }, on));
    } catch (error) {
      throw failure(`Cannot open a socket for target "${target.name}"`, error);
    }
  };
  if (target.isLiteral) return dial(host);
  const choose = (found: NameAddresses) => {
    const list = orderAddresses(upstream, target, found.list, data.source);
    // A dead address and a quiet one look the same, so the family that works everywhere is used.
    return dial(list.find((ip) => !isIPv6(ip)) ?? list[0] ?? host);
  };
  const found = resolveFor(data, host, parts.resolver);
  return found instanceof Promise ? found.then(choose) : choose(found);
}
