/**
 * The faults of one session or flow, from its route or upstream, with the dice that decide. The same seed
 * gives the same faults. Knows no socket.
 *
 * @module
 */

import type { FaultsConfig } from "../config/schema.ts";

/** The faults of one direction. */
export interface FaultDirection {
  readonly config: FaultsConfig;
  /** Returns numbers from 0 up to, but not including, 1: the same ones for the same seed and turn. */
  readonly random: () => number;
}

/** The faults of one session or flow. Each direction has dice of its own, since their order is chance. */
export interface FaultPlan {
  readonly config: FaultsConfig;
  readonly up: FaultDirection;
  readonly down: FaultDirection;
}

/** Dice per session or flow: whether it has faults, up, down. */
const DICE = 3;

/** How many sessions and flows have taken dice from a configuration. */
const turns = new WeakMap<FaultsConfig, number>();

/**
 * Throws the dice for a session or flow. The n-th one of a configuration always gets the same.
 *
 * @param config The faults of its route or upstream
 * @returns Its faults, or `undefined` if it is spared
 */
export function planFaults(config: FaultsConfig): FaultPlan | undefined {
  const turn = turns.get(config) ?? 0;
  turns.set(config, turn + 1);
  const diceOf = (which: number) => dice(config.seed, turn * DICE + which);
  if (diceOf(0)() >= config.probability) return undefined;
  return { config, up: { config, random: diceOf(1) }, down: { config, random: diceOf(2) } };
}

/** The generator mulberry32: 32 bits of state, good enough for dice. */
function dice(seed: number, which: number): () => number {
  let state = (seed ^ Math.imul(which + 1, 0x9e3779b9)) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Returns a delay in milliseconds: `latency`, give or take `jitter`. */
export function delayOf({ config, random }: FaultDirection): number {
  return Math.max(0, config.latency + config.jitter * (2 * random() - 1));
}
