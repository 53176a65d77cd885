/**
 * Defines what a detector is: a pure function from a client's first bytes to a verdict.
 *
 * Every detector keeps these rules. `tests/unit/detect/contract_test.ts` checks them, by their numbers,
 * for each one in the registry, with bytes that its clients sent (`tests/testdata/NAME*.hex`), whole, cut
 * and damaged. `deno task fuzz` does so with any number of inputs, and watches the memory that they leave.
 *
 * 1. It answers whatever the bytes are: it never throws, awaits or logs.
 * 2. It reads the bytes given to it and nothing else. It changes none, and what follows them in memory does
 *    not matter.
 * 3. `need_more` asks for more bytes than there are.
 * 4. It does not match with fewer bytes than it asked for, because the registry asks again only when
 *    they are there. While a stream can still match, the number that it asks for never shrinks, and
 *    never exceeds what the match takes: a client that has sent all of it would wait for ever.
 * 5. `match` and `no_match` are final: bytes that follow change nothing, not even a fact. Only `certain`
 *    may be taken back.
 * 6. The answer depends on the bytes alone: not on how they were cut, on how often it was asked or on what
 *    others sent. `session` answers as `tcp` does, and an array of datagrams that grew as a new one does.
 * 7. What it returns is bounded: facts are numbers, texts and lists of texts, of 1,024 characters in all, and
 *    no views of the bytes. Those that a route can ask for are among {@linkcode Detector.facts}. A
 *    {@linkcode Step} says nothing that comes from the client, unless every answer has to repeat it, such as
 *    LDAP's message ID.
 * 8. Work grows with the bytes, not with the pieces: it is asked 512 times at most if a client sends byte by
 *    byte, unless it remembers what it has read (`session`).
 * 9. It takes nothing that another protocol's client sends, whole or cut anywhere. If two can take the
 *    same bytes, the comment at `DETECTORS` in `mod.ts` explains which one comes first, and why.
 * 10. A `step` takes no more bytes than there are, and says 128 at most. It does not lead back to
 *     itself: no detector of its `then` answers the same bytes with the same step, so a dialogue ends.
 *
 * @module
 */

import type { Exchange } from "../opening/mod.ts";
import type { AlpnSet } from "../wire/alpn.ts";
import type { FactName, Facts } from "../facts/mod.ts";
import type { DetectEnd } from "./ends.ts";

export type { FactName, Facts } from "../facts/mod.ts";

/** The answer of a detector. */
export type Verdict =
  | {
    readonly kind: "match";
    readonly facts: Facts;
    /**
     * Why facts that a route can ask for could not be read. With `bad_name` only the name is in doubt,
     * else all of {@linkcode Detector.facts} are. Unset if all were read.
     */
    readonly end?: DetectEnd;
    /** Set if more can be learnt through a dialogue; see {@linkcode Step}. */
    readonly step?: Step;
  }
  | {
    readonly kind: "need_more";
    /** Total bytes (TCP) below which asking again is useless; always more than were given. */
    readonly bytes: number;
    /**
     * The facts so far, set once the protocol is certain. If no more comes, they are used without those
     * that a route can ask for: the missing bytes could have contradicted them.
     */
    readonly certain?: Facts;
    /** Set if only these facts are still missing: if no route asks for one, {@linkcode certain} is enough. */
    readonly lacks?: readonly FactName[];
  }
  | { readonly kind: "no_match" };

/** The answer "this is not my protocol", shared so that it costs no allocation. */
export const NO_MATCH: Verdict = Object.freeze({ kind: "no_match" });

/**
 * One step of an opening: what shunt has to say before the bytes that decide come. If no route names the protocol
 * and asks for a fact that lies behind the step, it is not taken, and the match stands without it.
 * `opening/mod.ts` has the whole contract.
 */
export interface Step {
  /** The usual name of the message that it answers: `SSLRequest`. */
  readonly name: string;
  /** Bytes, from the first on, that it takes; {@linkcode target} has what the target has to hear of them. */
  readonly consumed: number;
  /** What the client must hear. If it is not empty, nothing may have come after the bytes taken. */
  readonly says: Uint8Array;
  /** The detectors that judge what follows; the protocol stays. If none knows it, the session ends. */
  readonly then: readonly Detector[];
  /** What each target has to hear and answer because of it. */
  readonly target: readonly Exchange[];
}

/** Judges the first bytes of one session, and remembers what it has read. */
export interface StreamJudge {
  /**
   * Judges the session's first bytes.
   *
   * @param bytes All that came so far, at least one byte; at each call those of the last call and more
   * @returns What {@linkcode Detector.tcp} returns for these bytes
   */
  judge(bytes: Uint8Array): Verdict;
}

/**
 * What a datagram may open:
 *
 * - `connection`: judging it may take work that strangers must not cause without limit
 * - `more`: it begins nothing, but a {@linkcode Watch} has to see it
 * - `nothing`: neither
 */
export type Opens = "connection" | "more" | "nothing";

/** Compares what a client sends later with its first datagrams. */
export interface Watch {
  /** Reports whether a later datagram of the client may be passed on: it does not contradict what was judged. */
  allows(datagram: Uint8Array): boolean;
  /** Reports whether a datagram of the client belongs to what is watched. */
  follows(datagram: Uint8Array): boolean;
  /** Reports whether a datagram of the target, with those before, shows that it has read all that is watched. */
  endsWith(datagram: Uint8Array): boolean;
}

/** Recognises one protocol. */
export interface Detector {
  /** The protocol's name in `match: { protocol }`, logs and metrics. */
  readonly name: string;
  /** The facts that it can learn and a route can ask for; none unless given. */
  readonly facts?: readonly FactName[];
  /** Set if they lie behind a {@linkcode Step}: they are learnt only for a route that names the protocol. */
  readonly behind?: true;
  /**
   * Judges the first bytes of a TCP session.
   *
   * @param bytes All bytes that came so far, at least one
   * @param alpn The protocol names that routes ask for; the same at each call for one session
   */
  readonly tcp?: (bytes: Uint8Array, alpn?: AlpnSet) => Verdict;
  /**
   * Begins a session. Set if `tcp`, asked again with each piece of a stream, would read the same
   * bytes again, which a client that sends byte by byte could multiply.
   */
  readonly session?: () => StreamJudge;
  /**
   * Judges the first datagrams of a UDP flow.
   *
   * @param datagrams All datagrams that came so far in order of arrival, at least one; the array
   * grows between calls and stays the same object for one flow
   * @param alpn The protocol names that routes ask for; the same at each call for one flow
   */
  readonly udp?: (datagrams: readonly Uint8Array[], alpn?: AlpnSet) => Verdict;
  /** Returns what a client's datagram may open, at next to no cost. */
  readonly opens?: (datagram: Uint8Array) => Opens;
  /**
   * Returns, once, the watch that later datagrams of a flow are compared with, if there is one.
   *
   * @param datagrams What {@linkcode udp} has matched
   */
  readonly watch?: (datagrams: readonly Uint8Array[]) => Watch | undefined;
}
