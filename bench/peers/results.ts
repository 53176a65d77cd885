/**
 * All figures of a run, by metric, participant and round. Knows how to compare, not how to measure
 * or print.
 *
 * @module
 */

import type { Figures, Metric } from "./measure.ts";
import { median, ratioToBest } from "./stats.ts";

/** What is kept of a participant. */
export interface Entry {
  readonly name: string;
  readonly kind: "shunt" | "peer" | "direct";
  readonly logs: boolean;
}

/** A measurement of a participant that gave no figures. */
export interface Failure {
  readonly participant: string;
  readonly measure: string;
  readonly round: number;
  readonly message: string;
}

/** The figures of a run. */
export class Results {
  /** What went wrong. */
  readonly failures: Failure[] = [];
  /** Participants or measurements that were left out, and why. */
  readonly leftOut: string[] = [];
  readonly #rounds: number;
  /** By participant, then metric: a value per round. */
  readonly #values = new Map<string, Map<string, (number | undefined)[]>>();

  /** @param rounds How many rounds there will be */
  constructor(rounds: number) {
    this.#rounds = rounds;
  }

  /**
   * Keeps the figures of one measurement.
   *
   * @param participant The participant
   * @param round The round, from 0
   * @param figures The figures
   */
  add(participant: string, round: number, figures: Figures): void {
    const metrics = this.#values.get(participant) ?? new Map<string, (number | undefined)[]>();
    this.#values.set(participant, metrics);
    for (const [id, value] of Object.entries(figures)) {
      const rounds = metrics.get(id) ?? new Array<number | undefined>(this.#rounds).fill(undefined);
      rounds[round] = value;
      metrics.set(id, rounds);
    }
  }

  /**
   * Returns a participant's values.
   *
   * @param participant The participant
   * @param metric The metric
   * @returns One per round, undefined if there is none
   */
  values(participant: string, metric: string): readonly (number | undefined)[] {
    return this.#values.get(participant)?.get(metric) ?? [];
  }

  /**
   * Returns whether a measurement of a participant failed in any round.
   *
   * @param participant The participant
   * @param measure The measurement
   */
  failed(participant: string, measure: string): boolean {
    return this.failures.some((f) => f.participant === participant && f.measure === measure);
  }

  /**
   * Returns a participant's median.
   *
   * @param participant The participant
   * @param metric The metric
   * @returns The median over rounds; undefined if nothing was measured
   */
  median(participant: string, metric: string): number | undefined {
    return median(this.values(participant, metric).filter((value) => value !== undefined));
  }

  /**
   * Compares a participant with the best of its peers.
   *
   * @param own The participant
   * @param metric The metric
   * @param peers The peers
   * @returns The median over rounds of the ratio; undefined if there is nothing to compare
   */
  ratio(own: string, metric: Metric, peers: readonly string[]): number | undefined {
    return ratioToBest(
      this.values(own, metric.id),
      peers.map((peer) => this.values(peer, metric.id)),
      metric,
    );
  }

  /** Returns all values by participant and metric, for JSON. */
  toJSON(): Record<string, Record<string, readonly (number | null)[]>> {
    return Object.fromEntries(
      [...this.#values].map(([participant, metrics]) => [
        participant,
        Object.fromEntries(
          [...metrics].map(([id, values]) => [id, values.map(rounded)]),
        ),
      ]),
    );
  }
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Number(value.toPrecision(6));
}
