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
import type { Target } from "./target.ts";

/** Chooses a target for a client; `undefined` if none is free. */
export type Policy = (client: SocketAddress, tried: readonly Target[]) => Target | undefined;

/** The input of a policy. */
export interface PolicyInput {
  /** The targets to choose from, each with a weight above 0. */
  readonly targets: readonly Target[];
  /** Reports whether a target may be chosen for a client that has tried some already. */
  readonly free: (target: Target, tried: readonly Target[]) => boolean;
  /** Returns numbers from 0 up to, but not including, 1. */
  readonly random: () => number;
}

function first({ targets, free }: PolicyInput): Policy {
  return (_client, tried) => {
    for (const target of targets) {
      if (free(target, tried)) return target;
    }
    return undefined;
  };
}

function random({ targets, free, random }: PolicyInput): Policy {
  return (_client, tried) => {
    let total = 0;
    for (const target of targets) {
      if (free(target, tried)) total += target.weightNow;
    }
    let left = random() * total;
    let chosen: Target | undefined;
    for (const target of targets) {
      if (!free(target, tried)) continue;
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
  return (_client, tried) => {
    let best = -1;
    let total = 0;
    for (let i = 0; i < targets.length; i++) {
      if (!free(targets[i]!, tried)) continue;
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
  return (_client, tried) => {
    let best = -1;
    let least = Infinity;
    for (let step = 1; step <= targets.length; step++) {
      const i = (last + step) % targets.length;
      const target = targets[i]!;
      if (!free(target, tried)) continue;
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
function highestScore(key: number, tried: readonly Target[], input: PolicyInput) {
  let best: Target | undefined;
  let highest = -1;
  for (const target of input.targets) {
    if (!input.free(target, tried)) continue;
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
  return (client, tried) => highestScore(hashClient(client.host), tried, input);
}

function sourceSocket(input: PolicyInput): Policy {
  return (client, tried) => highestScore(hashClient(client.host, client.port), tried, input);
}

/** Chooses by the client's address. If that target is not free, rendezvous hashing finds another. */
function maglev(input: PolicyInput): Policy {
  const { targets, free } = input;
  const table = maglevTable(targets);
  return (client, tried) => {
    const key = hashClient(client.host);
    const target = targets[table[key % MAGLEV_SLOTS]!];
    if (target !== undefined && free(target, tried)) return target;
    return highestScore(key, tried, input);
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
