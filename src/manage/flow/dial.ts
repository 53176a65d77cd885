/**
 * Finds a target that a flow's datagrams can be sent to. Knows nothing of protocols and routes, nor
 * of what is sent.
 *
 * @module
 */

import { isIPv6 } from "node:net";
import { ConnectError, ResolveError } from "../../errors.ts";
import { faultsOf, faultySocket } from "../../faults/mod.ts";
import type { Endpoint, Io, TargetOptions, TargetSocket } from "../../io/mod.ts";
import type { Addresses, NameResolver } from "../../resolve/dns.ts";
import { orderAddresses, type Target, type Upstream } from "../../resolve/upstream.ts";
import { type BuiltinName, canonicalHost, unmapHost } from "../../wire/address.ts";
import type { Flow } from "./flow.ts";
import type { FlowData } from "./data.ts";

/** What dialing needs beside the flow. */
export interface DialParts {
  readonly io: Io;
  readonly resolver: NameResolver;
  /** Makes the in-process end of a `builtin:` target. */
  readonly builtin: (
    flow: Flow<FlowData>,
    name: BuiltinName,
    options: TargetOptions,
  ) => TargetSocket;
}

/** What one flow's dialing needs. */
export interface DialOptions extends DialParts, TargetOptions {}

/**
 * Opens a socket to a target of a flow's upstream, trying up to `retries` others.
 *
 * @param flow The flow; its `target` is set
 * @param upstream Where its route leads
 * @param options Sockets, resolver and what to do with answers
 * @returns The socket, or `undefined` where the flow ended meanwhile
 * @throws {ResolveError} when no target is usable or a name cannot be resolved
 * @throws {ConnectError} when no socket could be opened
 */
export function dialUpstream(
  flow: Flow<FlowData>,
  upstream: Upstream,
  options: DialOptions,
): TargetSocket | undefined | Promise<TargetSocket | undefined> {
  const tried: Target[] = [];
  const client = { host: unmapHost(flow.host), port: flow.port };
  let failure: unknown;
  // Without a wait where no name has to be resolved: a burst that begins a flow need not be held.
  const next = (): TargetSocket | undefined | Promise<TargetSocket | undefined> => {
    while (tried.length <= upstream.config.retries) {
      const target = upstream.pickForFlow(client, tried);
      if (target === undefined) break;
      tried.push(target);
      target.flows.add(1);
      flow.data.target = target;
      try {
        const server = dialTarget(flow, upstream, target, client, options);
        if (!(server instanceof Promise)) return server;
        return server.then((socket) => {
          if (flow.state !== "closed") return socket;
          socket.close();
          return undefined;
        }, (error: unknown) => {
          // Ending the flow gives its target's place back itself.
          if (flow.state === "closed") return undefined;
          failure = error;
          giveBack(target);
          return next();
        });
      } catch (error) {
        failure = error;
        giveBack(target);
      }
    }
    throw failure ?? new ResolveError(
      `No target of upstream "${upstream.name}" is usable; check their limits and states`,
      { code: "no_target", context: { flow: flow.id, upstream: upstream.name } },
    );
  };
  const giveBack = (target: Target) => {
    target.flows.add(-1);
    flow.data.target = undefined;
  };
  return next();
}

function dialTarget(
  flow: Flow<FlowData>,
  upstream: Upstream,
  target: Target,
  client: Endpoint,
  options: DialOptions,
): TargetSocket | Promise<TargetSocket> {
  const { address } = target;
  const context = { flow: flow.id, upstream: upstream.name, target: target.name };
  const plan = faultsOf(flow.data.route, upstream);
  const open = (dial: (options: TargetOptions) => TargetSocket) =>
    plan === undefined ? dial(options) : faultySocket(dial, options, plan);
  if (address.kind === "builtin") {
    const { name } = address;
    return open((told) => options.builtin(flow, name, told));
  }
  if (address.kind === "unix") {
    throw new ConnectError(`Target "${target.name}" takes no datagrams`, {
      code: "connect_failed",
      context,
    });
  }
  const { host, port } = address;
  const dial = (ip: string) => {
    try {
      return open((told) => options.io.dial({ host: canonicalHost(ip), port }, told));
    } catch (error) {
      throw new ConnectError(`Cannot open a socket for target "${target.name}"`, {
        code: "connect_failed",
        context,
        cause: error,
      });
    }
  };
  if (target.isLiteral) return dial(host);
  const choose = (found: Addresses) => {
    const list = orderAddresses(upstream, target, found.list, client);
    // No answer tells a dead address from a quiet one, so the family that works everywhere is used.
    return dial(list.find((ip) => !isIPv6(ip)) ?? list[0] ?? host);
  };
  const found = options.resolver.resolve(host);
  if (!(found instanceof Promise)) return choose(found);
  const asked = performance.now();
  const answered = () => {
    flow.data.resolveMs = (flow.data.resolveMs ?? 0) + performance.now() - asked;
  };
  found.then(answered, answered);
  return found.then(choose);
}
