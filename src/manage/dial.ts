/**
 * Finds a target that answers: picks one, takes a place at it, dials, and tries others if that fails. Knows
 * nothing about protocols, routes, or how a target is dialled.
 *
 * @module
 */

import { ResolveError } from "../errors.ts";
import type { NameAddresses, NameResolver } from "../resolve/dns.ts";
import type { Target, Upstream } from "../resolve/upstream.ts";
import type { Life } from "./life.ts";

/**
 * Connects a session or flow to a target of its upstream, trying up to `retries` others.
 *
 * @param life The session or flow; its `target` is set, and unset again if dialling fails
 * @param upstream The upstream of its route
 * @param dial Connects to one target; that target has failed if this throws or rejects
 * @returns The result of `dial`, without a promise if nothing has to be waited for. The life may have ended
 * meanwhile
 * @throws {ResolveError} with code `no_target` if no target is usable; else the last failure of `dial`. A
 * promise may reject with the same
 */
export function tryTargets<C>(
  life: Life,
  upstream: Upstream,
  dial: (target: Target) => C | Promise<C>,
): C | Promise<C> {
  const tried: Target[] = [];
  let failure: unknown;
  const next = (): C | Promise<C> => {
    while (tried.length <= upstream.config.retries && !life.ended) {
      const target = upstream.pick(life.source, tried, life.kind);
      if (target === undefined) break;
      tried.push(target);
      // A session of another worker may have taken the last place.
      if (!upstream.take(target, life.kind)) continue;
      life.target = target;
      try {
        const connection = dial(target);
        if (!(connection instanceof Promise)) return connection;
        return connection.catch((error: unknown) => {
          failed(target, error);
          return next();
        });
      } catch (error) {
        failed(target, error);
      }
    }
    throw failure ?? new ResolveError(
      `No target of upstream "${upstream.name}" is usable; check their limits and states`,
      { code: "no_target", context: { [life.kind]: life.id, upstream: upstream.name } },
    );
  };
  const failed = (target: Target, error: unknown) => {
    failure = error;
    // A life that has ended has given its place back itself.
    if (life.ended) return;
    target.placesOf(life.kind).add(-1);
    life.target = undefined;
  };
  return next();
}

/**
 * Resolves the name of a target, and adds the time that this takes to the life's `resolveMs`.
 *
 * @returns Its addresses, without a promise if they are known
 * @throws {ResolveError} as the resolver does; a promise may reject with the same
 */
export function resolveFor(
  life: Life,
  host: string,
  resolver: NameResolver,
): NameAddresses | Promise<NameAddresses> {
  const found = resolver.resolve(host);
  if (!(found instanceof Promise)) return found;
  const asked = performance.now();
  const answered = () => {
    life.resolveMs = (life.resolveMs ?? 0) + performance.now() - asked;
  };
  found.then(answered, answered);
  return found;
}
