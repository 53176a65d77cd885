/**
 * Openings: dialogues that have to be held before the bytes that decide come, or before a target takes
 * them. Knows what is said and what answers mean; never a socket, a deadline or a route.
 *
 * An opening has two sides, both of them data, so that each can be read, tested and fuzzed without a socket:
 *
 * - **The client's side** is a `Step` (`detect/detector.ts`) that a detector adds to its match: what the
 *   client must hear, how many of its bytes are taken, and which detectors judge the bytes that follow.
 *   It is held only if a route names the protocol and asks for a fact that lies behind it. Otherwise the match is
 *   a plain one, and all bytes are relayed unchanged.
 * - **The target's side** is a list of {@linkcode Exchange}, which the last step adds: what each target
 *   that is tried has to hear in place of what was taken, and how its answer is judged. It is held after
 *   connecting, within `connect_timeout`. A target that refuses is one more failed target: others are tried.
 *   Bytes that need no answer, such as a PROXY header, are sent together with the next bytes that do, or with
 *   the client's first bytes.
 *
 * To add one, STARTTLS of LDAP say: write `opening/ldap.ts` with the exchange, and have the detector
 * `detect/ldap.ts` return `{ kind: "match", facts, step }` if the bytes ask for TLS, with the answer in
 * `says`, `then: [tls]` and the exchange in `target`, and `behind: true`. `Detection`, `serve` and the retry
 * loop do the rest:
 *
 * - Bytes that came together with a request are refused (`opening_violation`), unless `says` is empty: the
 *   next layer must not trust what a client sent before it had the answer (CVE-2021-23222).
 * - If a client is silent for `detect.timeout`, all steps together, its session ends (`opening_timeout`). A
 *   chain of steps ends by itself: `then` never leads back to a detector that could take the same step again.
 * - What shunt says does not count as an answer of the target.
 * - A dialogue of several rounds is several steps, and several exchanges. If the server speaks first, the
 *   first exchange says nothing.
 *
 * @module
 */

/**
 * What the answer of a target means so far:
 *
 * - `taken`: it is whole, the target agrees, and nothing follows it
 * - `need_more`: it is not whole yet
 * - `refused`: the target does not agree
 * - `violation`: it is no answer, or more than one
 */
export type Answer = "taken" | "need_more" | "refused" | "violation";

/** What shunt says to a target, and how the answer is judged. */
export interface Exchange {
  /** What shunt says; may be empty. */
  readonly says: Uint8Array;
  /**
   * Judges the answer; unset if shunt waits for none. Pure, as a detector is.
   *
   * @param heard All that the target has said since, at least one byte; {@linkcode MAX_ANSWER} at most
   */
  readonly judge?: (heard: Uint8Array) => Answer;
}

/** Bytes of an answer that are read: a longer one is a violation. */
export const MAX_ANSWER = 4096;

/** No exchange: the target hears the client's bytes at once. */
export const NO_OPENING: readonly Exchange[] = [];
