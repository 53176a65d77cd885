/**
 * What a request says of its host, in however many places. Knows which of the places count, never in
 * what form a version of HTTP writes them.
 *
 * @module
 */

import { hostOf } from "../wire/authority.ts";
import type { DetectEnd } from "./ends.ts";

/** Fields of a request that are read. Apache takes 100, Node 2,000. */
export const MAX_FIELDS = 512;
/** Places for a host that are read. RFC 9112 §3.2 and RFC 9113 §8.3.1 allow one or two. */
const MAX_CLAIMS = 4;
/** How much of a place is worth reading: a longer name is none (RFC 1035 §2.3.4). */
export const MAX_NAME_TEXT = 512;

/** The host that one request names. */
export class HostClaims {
  /** How many places named a host, or something that is none. */
  count = 0;
  #host: string | undefined;
  #bad = false;
  #differ = false;

  /** The host, if all places agree on one. */
  get host(): string | undefined {
    return this.end === undefined ? this.#host : undefined;
  }

  /** Why the host cannot be told; unset if it can, or if there is none. */
  get end(): DetectEnd | undefined {
    if (this.#differ) return "malformed";
    if (this.count > MAX_CLAIMS) return "fields";
    return this.#bad ? "bad_name" : undefined;
  }

  /**
   * Takes what one place says.
   *
   * @param text Host and perhaps port, without blanks around them
   */
  add(text: string): void {
    const named = text === "" ? undefined : hostOf(withoutPort(text));
    this.#add(named, named === undefined && text !== "");
  }

  /** Takes a place that has to say something and is empty: servers differ in what they read then. */
  addEmpty(): void {
    this.#add(undefined, true);
  }

  #add(named: string | undefined, bad: boolean): void {
    // Once two differ, or there is one too many, no other can change what is said.
    if (this.#differ || ++this.count > MAX_CLAIMS) return;
    if (this.count === 1) {
      this.#host = named;
      this.#bad = bad;
    } else if (named !== this.#host || bad !== this.#bad) this.#differ = true;
  }
}

/** What servers leave out of a host: as long as it may be and whether or not it is a number. */
const PORT = /^:[0-9A-Za-z:]*$/;

/**
 * What stands before the port; nothing else may follow an address in brackets. Other text after the colon
 * stays, and makes it no host: nginx reads `a` in `a:80@b`, and what parses URLs, such as Deno, `b`.
 */
function withoutPort(text: string): string {
  const colon = text.startsWith("[") ? text.indexOf("]") + 1 : text.indexOf(":");
  return colon > 0 && PORT.test(text.slice(colon)) ? text.slice(0, colon) : text;
}
