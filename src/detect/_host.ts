/**
 * Finds the host of a request, which may be given in several places. Knows which places count, not how a
 * version of HTTP writes them.
 *
 * @module
 */

import { hostOf } from "../wire/authority.ts";
import type { DetectEnd } from "./ends.ts";

/** Fields of a request that are read. Apache allows 100, Node 2,000. */
export const MAX_FIELDS = 512;
/** Places for a host that are read. RFC 9112 §3.2 and RFC 9113 §8.3.1 allow one or two. */
const MAX_CLAIMS = 4;
/** Characters of a place that are read. A longer name is invalid (RFC 1035 §2.3.4). */
export const MAX_NAME_TEXT = 512;

/** The host of one request. */
export class HostClaims {
  /** Number of places that give a host, valid or not. */
  count = 0;
  #host: string | undefined;
  #bad = false;
  #differ = false;

  /** The host, if all places agree on one. */
  get host(): string | undefined {
    return this.end === undefined ? this.#host : undefined;
  }

  /** Why the host is not known; unset if it is, or if there is none. */
  get end(): DetectEnd | undefined {
    if (this.#differ) return "malformed";
    if (this.count > MAX_CLAIMS) return "fields";
    return this.#bad ? "bad_name" : undefined;
  }

  /** Takes the text of one place: a host, perhaps with a port, without blanks around them. */
  add(text: string): void {
    const named = text === "" ? undefined : hostOf(withoutPort(text));
    this.#add(named, named === undefined && text !== "");
  }

  /** Takes a place that must not be empty but is. Servers differ in what they read then. */
  addEmpty(): void {
    this.#add(undefined, true);
  }

  #add(named: string | undefined, bad: boolean): void {
    // Once two places differ, or there are too many, further ones cannot change the result.
    if (this.#differ || ++this.count > MAX_CLAIMS) return;
    if (this.count === 1) {
      this.#host = named;
      this.#bad = bad;
    } else if (named !== this.#host || bad !== this.#bad) this.#differ = true;
  }
}

/** The part of a host that servers ignore as a port, of any length, whether or not it is a number. */
const PORT = /^:[0-9A-Za-z:]*$/;

/**
 * Removes the port. After an address in brackets nothing else may follow. Other text after the colon stays
 * and makes the host invalid: nginx reads `a` in `a:80@b`, but URL parsers, such as Deno's, read `b`.
 */
function withoutPort(text: string): string {
  const colon = text.startsWith("[") ? text.indexOf("]") + 1 : text.indexOf(":");
  return colon > 0 && PORT.test(text.slice(colon)) ? text.slice(0, colon) : text;
}
