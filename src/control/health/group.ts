/**
 * The health of one upstream's targets together: ejects targets, but never the last usable one. Knows no
 * socket, timer or log.
 *
 * @module
 */

import { HealthBook, type HealthChange } from "./health.ts";
import type { Upstream } from "../../resolve/upstream.ts";

/** The health of an upstream's targets. */
export class HealthGroup {
  /** One book per target, in the configuration's order. */
  readonly targets: readonly HealthBook[];
  /** The same by their targets' names. */
  readonly byName: ReadonlyMap<string, HealthBook>;

  /**
   * @param upstream The upstream of the present configuration
   * @param before The group of the same name in the previous one
   * @param options The time, and a callback for each change
   */
  constructor(
    upstream: Upstream,
    before: HealthGroup | undefined,
    { now, onChange }: {
      readonly now: number;
      readonly onChange: (change: HealthChange) => void;
    },
  ) {
    const { health } = upstream.config;
    const known = before?.byName;
    this.targets = upstream.targets.map((target) => {
      const book = known?.get(target.name);
      if (book === undefined) return new HealthBook(target, health, now);
      const change = book.adopt(target, health, now);
      if (change !== undefined) onChange(change);
      return book;
    });
    this.byName = new Map(this.targets.map((book) => [book.target.name, book]));
  }

  /** Ends ejections whose time is over, and judges what traffic has reported. */
  tick(now: number, onChange: (change: HealthChange) => void): void {
    let usable = 0;
    let failing = 0;
    for (const book of this.targets) {
      const change = book.tick(now);
      if (change !== undefined) onChange(change);
      if (book.target.standing.usable) usable++;
      if (book.isFailing) failing++;
    }
    if (failing > 0) this.#eject(usable, now, onChange);
    if (usable === 0) this.#recall(now, onChange);
  }

  #eject(usable: number, now: number, onChange: (change: HealthChange) => void): void {
    for (const book of this.targets) {
      if (usable < 2) return;
      if (!book.isFailing) continue;
      onChange(book.eject(now));
      usable--;
    }
  }

  /**
   * Ends all ejections: failures of traffic prove less than failed checks or an operator's word. If those have
   * taken the last usable target, ejected ones are better than none.
   */
  #recall(now: number, onChange: (change: HealthChange) => void): void {
    for (const book of this.targets) {
      if (!book.onlyEjected) continue;
      const change = book.recall("no other target is left", now);
      if (change !== undefined) onChange(change);
    }
  }
}
