/**
 * Resolves names in a worker by asking the control plane, whose resolver keeps the one cache. Knows
 * neither DNS nor TTLs.
 *
 * @module
 */

import { ResolveError } from "../errors.ts";
import type { Addresses, NameResolver } from "../resolve/dns.ts";
import type { ResolvedMessage } from "./messages.ts";

/** Milliseconds for which an answer is used without asking again: the control plane's cache knows. */
const FRESH_MS = 1000;

interface Question {
  readonly promise: Promise<Addresses>;
  readonly resolve: (addresses: Addresses) => void;
  readonly reject: (error: ResolveError) => void;
}

/** The resolver of a worker. */
export class RemoteResolver implements NameResolver {
  readonly #ask: (name: string) => void;
  readonly #now: () => number;
  /** Names come from the configuration, so there are few. */
  readonly #known = new Map<string, Addresses>();
  readonly #asked = new Map<string, Question>();

  /**
   * @param ask Sends a question to the control plane
   * @param now The coarse time in milliseconds
   */
  constructor(ask: (name: string) => void, now: () => number) {
    this.#ask = ask;
    this.#now = now;
  }

  resolve(name: string): Addresses | Promise<Addresses> {
    const known = this.#known.get(name);
    if (known !== undefined && known.expires > this.#now()) return known;
    let question = this.#asked.get(name);
    if (question === undefined) {
      const { promise, resolve, reject } = Promise.withResolvers<Addresses>();
      // Whoever asked may be gone when the answer comes.
      promise.catch(() => {});
      question = { promise, resolve, reject };
      this.#asked.set(name, question);
      this.#ask(name);
    }
    return question.promise;
  }

  /**
   * Takes an answer of the control plane's.
   *
   * @param answer The answer
   */
  answer({ name, list, error }: ResolvedMessage): void {
    const question = this.#asked.get(name);
    this.#asked.delete(name);
    if (list !== undefined) {
      const addresses = { list, expires: this.#now() + FRESH_MS };
      this.#known.set(name, addresses);
      question?.resolve(addresses);
    } else {
      this.#known.delete(name);
      question?.reject(
        new ResolveError(error ?? `Cannot resolve "${name}"`, {
          code: "dns_failed",
          context: { name },
        }),
      );
    }
  }
}
