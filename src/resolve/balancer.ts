/**
 * The balancing policies, which choose the target for the next session or flow. Knows targets and the
 * client's address; a predicate decides which targets may be chosen.
 *
 * @module
 */

import type { Balance } from "../config/schema.ts";
import type { SocketAddress } from "../wire/address.ts";
import { hashClient, mix32 } from "./hash.ts";
import { MAGLEV_SLOTS, maglevTable } from "./maglev.ts";
import type { LifeKind, Target } from "./target.ts";

/** Chooses a target for a client; `undefined` if none is free. */
export type Policy = (
  client: SocketAddress,
  tried: readonly Target[],
  kind: LifeKind,
) => Target | undefined;

/** The input of a policy. */
export interface PolicyInput {
  /** The targets to choose from, each with a weight above 0. */
  readonly targets: readonly Target[];
  /** Reports whether a target may be chosen for a session or flow that has tried some already. */
  readonly free: (target: Target, tried: readonly Target[], kind: LifeKind) => boolean;
  /** Returns numbers from 0 up to, but not including, 1. */
  readonly random: () => number;
}

function first({ targets, free }: PolicyInput): Policy {
  return (_client, tried, kind) => {
    for (const target of targets) {
      if (free(target, tried, kind)) return target;
    }
    return undefined;
  };
}

function random({ targets, free, random }: PolicyInput): Policy {
  return (_client, tried, kind) => {
    let total = 0;
    for (const target of targets) {
      if (free(target, tried, kind)) total += target.weightNow;
    }
    let left = random() * total;
    let chosen: Target | undefined;
    for (const target of targets) {
      if (!free(target, tried, kind)) continue;
      chosen = target;
      left -= target.weightNow;
      if (left < 0) break;
    }
    return chosen;
  };
}

/** Smooth weighted round robin: weights 5, 1, 1 give `a a b a c a a`, not five of `a` in a row. */
function roundRobin({ targets, free }: PolicyInput): Policy {
  const credit = targets.map(() => 0);
  return (_client, tried, kind) => {
    let best = -1;
    let total = 0;
    for (let i = 0; i < targets.length; i++) {
      if (!free(targets[i]!, tried, kind)) continue;
      const weight = targets[i]!.weightNow;
      total += weight;
      credit[i]! += weight;
      if (best < 0 || credit[i]! > credit[best]!) best = i;
    }
    if (best < 0) return undefined;
    credit[best]! -= total;
    return targets[best];
  };
}

/** Chooses the fewest sessions and flows for the weight, counting the new one; ties take turns. */
function leastSessions({ targets, free }: PolicyInput): Policy {
  let last = targets.length - 1;
  return (_client, tried, kind) => {
    let best = -1;
    let least = Infinity;
    for (let step = 1; step <= targets.length; step++) {
      const i = (last + step) % targets.length;
      const target = targets[i]!;
      if (!free(target, tried, kind)) continue;
      const load = (target.sessions.total + target.flows.total + 1) / target.weightNow;
      if (load < least) {
        best = i;
        least = load;
      }
    }
    if (best < 0) return undefined;
    last = best;
    return targets[best];
  };
}

/**
 * Weighted rendezvous hashing: the highest score wins. If a target goes, only its own clients move, and
 * they spread over all remaining targets.
 */
function highestScore(
  key: number,
  tried: readonly Target[],
  kind: LifeKind,
  input: PolicyInput,
): Target | undefined {
  let best: Target | undefined;
  let highest = -1;
  for (const target of input.targets) {
    if (!input.free(target, tried, kind)) continue;
    const uniform = (mix32(key ^ target.hash) + 0.5) / 0x1_0000_0000;
    const score = target.weight / -Math.log(uniform);
    if (score > highest) {
      best = target;
      highest = score;
    }
  }
  return best;
}

function sourceIp(input: PolicyInput): Policy {
  return (client, tried, kind) => highestScore(hashClient(client.host), tried, kind, input);
}

function sourceSocket(input: PolicyInput): Policy {
  return (client, tried, kind) =>
    highestScore(hashClient(client.host, client.port), tried, kind, input);
}

/** Chooses by the client's address. If that target is not free, rendezvous hashing finds another. */
function maglev(input: PolicyInput): Policy {
  const { targets, free } = input;
  const table = maglevTable(targets);
  return (client, tried, kind) => {
    const key = hashClient(client.host);
    const target = targets[table[key % MAGLEV_SLOTS]!];
    if (target !== undefined && free(target, tried, kind)) return target;
    return highestScore(key, tried, kind, input);
  };
}

/** The constructors of the policies. */
export const POLICIES: Readonly<Record<Balance, (input: PolicyInput) => Policy>> = {
  first,
  random,
  round_robin: roundRobin,
  least_sessions: leastSessions,
  source_ip: sourceIp,
  source_socket: sourceSocket,
  maglev,
};
