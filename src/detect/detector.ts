/**
 * What a detector is: a pure function from the first bytes to a verdict. A detector never awaits,
 * throws, consumes, logs or allocates without bound.
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
     * Set if the protocol is certain and facts that a route can ask for could not be read: why. With
     * `bad_name` only the name is in doubt, else all of {@linkcode Detector.facts} are.
     */
    readonly end?: DetectEnd;
    /** Set if more can be learnt by a dialogue; see {@linkcode Step}. */
    readonly step?: Step;
  }
  | {
    readonly kind: "need_more";
    /** Total bytes (TCP) below which asking again is useless; always more than were given. */
    readonly bytes: number;
    /**
     * Set once the protocol is certain: what to go on with if no more comes. Facts that a route can
     * ask for are dropped then: what is still to come could contradict them.
     */
    readonly certain?: Facts;
    /** Set if nothing but these facts is still missing: if no route wants one, {@linkcode certain} is enough. */
    readonly lacks?: readonly FactName[];
  }
  | { readonly kind: "no_match" };

/** The answer "this is not my protocol", shared so that saying no costs nothing. */
export const NO_MATCH: Verdict = Object.freeze({ kind: "no_match" });

/**
 * One step of an opening: what has to be said before what decides comes. A step that is not worth it (no route
 * names the protocol and asks for a fact that lies behind) is not taken, and the match stands as it is.
 * `opening/mod.ts` has the whole contract.
 */
export interface Step {
  /** What it answers, as people call it: `SSLRequest`. */
  readonly name: string;
  /** Bytes, from the first on, that it takes: what the target has to hear of them is in {@linkcode target}. */
  readonly consumed: number;
  /** What the client must hear. If it is not empty, nothing may have come after the bytes taken. */
  readonly says: Uint8Array;
  /** The detectors that judge what follows; the protocol stays. If none knows it, the session ends. */
  readonly then: readonly Detector[];
  /** What each target has to hear and answer for it. */
  readonly target: readonly Exchange[];
}

/** Judges the first bytes of one session, and remembers what it has looked at. */
export interface StreamJudge {
  /**
   * Judges the session's first bytes.
   *
   * @param bytes All that came so far, at least one byte; at each call what was given before and more
   * @returns What {@linkcode Detector.tcp} says of these bytes
   */
  judge(bytes: Uint8Array): Verdict;
}

/**
 * What a datagram may open:
 *
 * - `connection`: judging it may take work that strangers are not to cause without limit
 * - `more`: it begins nothing, but a {@linkcode Watch} has to see it
 * - `nothing`: neither
 */
export type Opens = "connection" | "more" | "nothing";

/** Holds what a client sends later against what its first datagrams told. */
export interface Watch {
  /**
   * Reports whether a later datagram may be passed on.
   *
   * @param datagram A datagram of the client's
   * @returns `false` if it says something else than what was judged
   */
  allows(datagram: Uint8Array): boolean;
  /**
   * Reports whether a datagram belongs to what is watched.
   *
   * @param datagram A datagram of the client's
   */
  follows(datagram: Uint8Array): boolean;
  /**
   * Reports whether nothing is left to watch.
   *
   * @param datagram A datagram of the target's
   * @returns Whether it shows, with those before, that the target has read all that is watched
   */
  endsWith(datagram: Uint8Array): boolean;
}

/** Recognises one protocol. */
export interface Detector {
  /** The protocol's name in `match: { protocol }`, logs and metrics. */
  readonly name: string;
  /** What it can learn for a route to ask for; nothing unless given. */
  readonly facts?: readonly FactName[];
  /** Set if those lie behind a {@linkcode Step}: only a route that names the protocol has them learnt. */
  readonly behind?: true;
  /**
   * Judges the first bytes of a TCP session.
   *
   * @param bytes All bytes that came so far, at least one
   * @param alpn The protocol names that routes ask for; the same at each call for one session
   */
  readonly tcp?: (bytes: Uint8Array, alpn?: AlpnSet) => Verdict;
  /**
   * Begins a session. Set if `tcp`, asked again with each piece of a stream, would look at the same
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
  /**
   * Says what a datagram may open, at next to no cost.
   *
   * @param datagram A datagram of a client's
   */
  readonly opens?: (datagram: Uint8Array) => Opens;
  /**
   * Hands out what later datagrams of a flow are held against, once; `undefined` if there is nothing.
   *
   * @param datagrams What {@linkcode udp} has matched
   */
  readonly watch?: (datagrams: readonly Uint8Array[]) => Watch | undefined;
}
