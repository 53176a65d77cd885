/**
 * The places of an admin address for its connections. If all are taken, the source that has most of them
 * loses its oldest. Knows sources and ages, no socket.
 *
 * @module
 */

import { readIp } from "../wire/ip.ts";

/** The phase of a connection: its request arrives, waits, is processed, or its answer is being read. */
export type Phase = "request" | "turn" | "work" | "answer";

/** A holder of a place. */
export interface Held {
  /** The source that the place counts for; see {@linkcode sourceOf}. */
  readonly source: string;
  readonly phase: Phase;
}

const words = new Uint16Array(8);

/**
 * Returns the source that a client counts for. IPv6 clients count by their /64, since a host may choose its
 * addresses from all of it (RFC 4291 §2.5.4). All clients of a Unix socket count as one.
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

/** All holders of places. */
export class Places<T extends Held> {
  /** By source, each in order of arrival. */
  readonly #sources = new Map<string, Set<T>>();
  #size = 0;

  /** Number of holders. */
  get size(): number {
    return this.#size;
  }

  /** All holders. */
  *[Symbol.iterator](): Generator<T> {
    for (const held of this.#sources.values()) yield* held;
  }

  /** Gives a place to a holder. */
  add(one: T): void {
    const known = this.#sources.get(one.source);
    if (known === undefined) this.#sources.set(one.source, new Set([one]));
    else known.add(one);
    this.#size++;
  }

  /** Takes a place back; may be called again. */
  remove(one: T): void {
    const held = this.#sources.get(one.source);
    if (!held?.delete(one)) return;
    if (held.size === 0) this.#sources.delete(one.source);
    this.#size--;
  }

  /**
   * Finds the holder that has to lose its place: the oldest in some phases, of the source that has most in
   * them.
   *
   * @param phases The phases of holders that may lose their place
   * @param spared A holder that may not
   * @returns The holder, or `undefined` if there is none
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

/** Requests that wait for their turn. Sources take turns, however many requests each has sent. */
export class Turns<T extends Held> {
  readonly #waiting = new Map<string, T[]>();
  readonly #most: number;
  #size = 0;

  /** @param most How many may wait */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Adds a request. If too many wait, the source that has most loses its newest.
   *
   * @param one The request
   * @returns The request that no longer waits: `one` itself, another, or `undefined`
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

  /** Takes the next request. */
  next(): T | undefined {
    for (const [source, queue] of this.#waiting) {
      const one = queue.shift();
      // Moves the source behind all others.
      this.#waiting.delete(source);
      if (queue.length > 0) this.#waiting.set(source, queue);
      if (one === undefined) continue;
      this.#size--;
      return one;
    }
    return undefined;
  }
}
