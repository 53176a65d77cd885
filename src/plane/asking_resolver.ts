/**
 * Resolves names in a worker by asking the control plane, whose resolver keeps the one cache. Knows
 * neither DNS nor TTLs.
 *
 * @module
 */

import { messageOf, ResolveError } from "../errors.ts";
import type { NameAddresses, NameResolver } from "../resolve/dns.ts";

/** Milliseconds for which an answer is used without asking the control plane's cache again. */
const FRESH_MS = 1000;

/** The resolver of a worker. */
export class AskingResolver implements NameResolver {
  readonly #ask: (name: string) => Promise<readonly string[]>;
  readonly #now: () => number;
  /** Names come from the configuration, so there are few. */
  readonly #known = new Map<string, NameAddresses>();
  readonly #asked = new Map<string, Promise<NameAddresses>>();

  /** @param now The coarse time in milliseconds */
  constructor(ask: (name: string) => Promise<readonly string[]>, now: () => number) {
    this.#ask = ask;
    this.#now = now;
  }

  resolve(name: string): NameAddresses | Promise<NameAddresses> {
    const known = this.#known.get(name);
    if (known !== undefined && known.expires > this.#now()) return known;
    let asked = this.#asked.get(name);
    if (asked === undefined) {
      asked = this.#askFor(name);
      // The session or flow that asked may have ended before the answer comes.
      asked.catch(() => {});
      this.#asked.set(name, asked);
    }
    return asked;
  }

  async #askFor(name: string): Promise<NameAddresses> {
    try {
      const list = await this.#ask(name);
      const addresses = { list, expires: this.#now() + FRESH_MS };
      this.#known.set(name, addresses);
      return addresses;
    } catch (error) {
      this.#known.delete(name);
      throw new ResolveError(messageOf(error), { code: "dns_failed", context: { name } });
    } finally {
      this.#asked.delete(name);
    }
  }
}
