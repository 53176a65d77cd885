/**
 * The places that an admin address has for connections, and who loses one when they are taken: the
 * oldest of the source that has most. Knows sources and ages, no socket.
 *
 * @module
 */

import { readIp } from "../wire/ip.ts";

/**
 * Where a connection is in its life: its request arrives, it waits for its turn, it is worked on, or its
 * answer is being read.
 */
export type Phase = "request" | "turn" | "work" | "answer";

/** What has a place. */
export interface Held {
  /** Whose it is: see {@linkcode sourceOf}. */
  readonly source: string;
  readonly phase: Phase;
}

const words = new Uint16Array(8);

/**
 * Tells by what a client is counted: IPv6 by its /64, for a host has all of it to choose addresses from
 * (RFC 4291 §2.5.4). Clients of a Unix socket have no source and count as one.
 *
 * @param host IP literal; empty for a Unix socket
 * @returns The source
 */
export function sourceOf(host: string): string {
  switch (readIp(host, words)) {
    case 4:
      return `${words[6]}:${words[7]}`;
    case 6:
      return `${words[0]}:${words[1]}:${words[2]}:${words[3]}`;
    case 0:
      return host;
  }
}

/** Everything that has a place. */
export class Places<T extends Held> {
  /** By source, each in the order of coming. */
  readonly #sources = new Map<string, Set<T>>();
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** All of them. */
  *[Symbol.iterator](): Generator<T> {
    for (const held of this.#sources.values()) yield* held;
  }

  /**
   * Gives a place.
   *
   * @param one What gets it
   */
  add(one: T): void {
    const known = this.#sources.get(one.source);
    if (known === undefined) this.#sources.set(one.source, new Set([one]));
    else known.add(one);
    this.#size++;
  }

  /**
   * Takes a place back; may be called again.
   *
   * @param one What had it
   */
  remove(one: T): void {
    const held = this.#sources.get(one.source);
    if (!held?.delete(one)) return;
    if (held.size === 0) this.#sources.delete(one.source);
    this.#size--;
  }

  /**
   * Finds what has to go: the oldest in some phase, of the source that has most in it.
   *
   * @param phases The phases of those that may go
   * @param spared What may not
   * @returns What has to go, or `undefined` if there is none
   */
  oldest(phases: readonly Phase[], spared?: T): T | undefined {
    let most = 0;
    let found: T | undefined;
    for (const held of this.#sources.values()) {
      if (held.size <= most) continue;
      let count = 0;
      let first: T | undefined;
      for (const one of held) {
        if (one === spared || !phases.includes(one.phase)) continue;
        first ??= one;
        count++;
      }
      if (count <= most) continue;
      most = count;
      found = first;
    }
    return found;
  }
}

/** Who waits for a turn: sources take turns, however much each has asked. */
export class Turns<T extends Held> {
  readonly #waiting = new Map<string, T[]>();
  readonly #most: number;
  #size = 0;

  /** @param most How many may wait */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Lets one wait. If too many do, the source that has most loses its newest.
   *
   * @param one Who is to wait
   * @returns Who waits no longer: `one` itself, another or nobody
   */
  push(one: T): T | undefined {
    const queue = this.#waiting.get(one.source);
    if (queue === undefined) this.#waiting.set(one.source, [one]);
    else queue.push(one);
    if (++this.#size <= this.#most) return undefined;
    let longest: T[] = [];
    for (const other of this.#waiting.values()) {
      if (other.length > longest.length) longest = other;
    }
    this.#size--;
    const gone = longest.pop();
    if (gone !== undefined && longest.length === 0) this.#waiting.delete(gone.source);
    return gone;
  }

  /** Takes the next one. */
  next(): T | undefined {
    for (const [source, queue] of this.#waiting) {
      const one = queue.shift();
      // Behind all others.
      this.#waiting.delete(source);
      if (queue.length > 0) this.#waiting.set(source, queue);
      if (one === undefined) continue;
      this.#size--;
      return one;
    }
    return undefined;
  }
}
