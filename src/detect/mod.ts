/**
 * The registry of detectors, and the detection that asks them. Knows the protocols' order and names; only
 * the detectors know what bytes mean.
 *
 * @module
 */

import {
  CONDITIONS,
  FACT_NAMES,
  type FactName,
  type Facts,
  type ProtocolInfo,
} from "../facts/mod.ts";
import { NO_WANTS, type Wants } from "../facts/wants.ts";
import type { Detector, Opens, Step, StreamJudge, Verdict, Watch } from "./detector.ts";
import type { DetectEnd } from "./ends.ts";
import { type Exchange, NO_OPENING } from "../opening/mod.ts";
import { http } from "./http.ts";
import { mqtt } from "./mqtt.ts";
import { postgres } from "./postgres.ts";
import { quic } from "./quic.ts";
import { socks4, socks5 } from "./socks.ts";
import { ssh } from "./ssh.ts";
import { tls } from "./tls.ts";
import { wireguard } from "./wireguard.ts";

export type { Opens, Watch } from "./detector.ts";

/**
 * Every protocol that shunt recognises: a new one is one line here.
 *
 * The first that matches wins, so the order decides if two take the same bytes. Only SSH and HTTP do:
 * `SSH-2.0-x / HTTP/1.1` can begin either. SSH comes first, as no browser's method is `SSH-2.0-x`; if a
 * route asks for the host, SSH waits for HTTP ({@linkcode Detection}). All others differ in their first
 * byte: TLS 20 to 22, HTTP a visible one or a line end, PostgreSQL 0, MQTT 16, SOCKS 5 and 4; QUIC's first
 * bit, WireGuard 1 to 4. TLS and HTTP come early because most sessions use them.
 */
export const DETECTORS: readonly Detector[] = [
  tls,
  ssh,
  http,
  postgres,
  mqtt,
  socks5,
  socks4,
  quic,
  wireguard,
];

/** The protocols of {@linkcode DETECTORS}, in their order. */
export const PROTOCOLS: readonly ProtocolInfo[] = DETECTORS.map(({ name, tcp, udp, ...rest }) => ({
  name,
  transports: [...(tcp ? ["tcp" as const] : []), ...(udp ? ["udp" as const] : [])],
  facts: rest.facts ?? [],
  behind: rest.behind ?? false,
}));

/** What detection found out. */
export interface Detected {
  /** A detector's name, `unknown` (no detector knew the bytes) or `silent` (no byte came). */
  readonly protocol: string;
  readonly facts: Facts;
  /** What ended detection before all facts were read; unset if nothing did. */
  readonly end?: DetectEnd;
  /**
   * Protocols that the bytes may still be the beginning of, if {@linkcode end} came before any was certain.
   * Only the target reads what follows.
   */
  readonly maybe?: readonly string[];
}

const NO_FACTS: readonly FactName[] = [];
const CONDITION_FACTS: ReadonlySet<string> = new Set(FACT_NAMES);

/**
 * Returns the facts that a client may have sent and that could not be read: a route that asks for one
 * of them might have matched.
 *
 * @returns Their names; none unless the protocol is certain and {@linkcode Detected.end} is set
 */
export function inDoubt({ protocol, end }: Detected): readonly FactName[] {
  if (end === undefined) return NO_FACTS;
  const { facts } = PROTOCOLS.find(({ name }) => name === protocol) ?? { facts: NO_FACTS };
  return end === "bad_name" ? facts.filter((fact) => CONDITIONS[fact].kind.isName) : facts;
}

/** Reports whether a protocol has its facts only if a route names it and asks for one of them. */
export function liesBehind(protocol: string): boolean {
  return PROTOCOLS.some(({ name, behind }) => behind && name === protocol);
}

const STREAM = DETECTORS.filter((detector) => detector.tcp !== undefined);
const DATAGRAM = DETECTORS.filter((detector) => detector.udp !== undefined);

/** Returns what a client's datagram may open, as the first detector reports that knows it. */
export function opens(datagram: Uint8Array): Opens {
  for (const detector of DATAGRAM) {
    const opened = detector.opens?.(datagram) ?? "nothing";
    if (opened !== "nothing") return opened;
  }
  return "nothing";
}

const NOTHING: Facts = {};
/** Bytes came, and no detector knew them. */
export const UNKNOWN: Detected = { protocol: "unknown", facts: NOTHING };
/** No byte came. */
export const SILENT: Detected = { protocol: "silent", facts: NOTHING };

/**
 * The detection of one session or flow. Asks detectors until one matches or none is left. Asks none before
 * the bytes that it waits for have come, so that a client that sends byte by byte costs little.
 */
export class Detection {
  /** Per detector, the total bytes below which asking again is useless; `Infinity` = it said no. */
  #wait: number[];
  #detectors: readonly Detector[];
  /** Per detector, what it remembers of this session. */
  #judges: (StreamJudge | undefined)[] = [];
  readonly #wants: Wants;
  /** What has to be done before the bytes that follow are judged; unset if nothing has to be. */
  step: Step | undefined;
  /** What each target has to hear and answer because of the steps that were taken. */
  opening: readonly Exchange[] = NO_OPENING;
  /** What was found before those steps. */
  #outer: Detected | undefined;
  #certain: Detected | undefined;
  /** A match that waits, because the bytes could still be of a protocol with facts that routes ask for. */
  #held: Detected | undefined;
  #matched: Detector | undefined;

  /** @param wants What routes ask for, so what is worth waiting for */
  constructor(transport: "tcp" | "udp", wants: Wants = NO_WANTS) {
    this.#detectors = transport === "tcp" ? STREAM : DATAGRAM;
    this.#wait = this.#detectors.map(() => 0);
    this.#wants = wants;
  }

  /**
   * Judges a session's first bytes. If that sets {@linkcode step}, the next call judges the bytes after those
   * that the step takes.
   *
   * @param bytes All that came so far, at least one
   * @returns What they are, or `undefined` if more is needed
   */
  stream(bytes: Uint8Array): Detected | undefined {
    return this.#ask(bytes.length, (detector, i) => {
      if (detector.session === undefined) return detector.tcp?.(bytes, this.#wants.alpn);
      return (this.#judges[i] ??= detector.session()).judge(bytes);
    });
  }

  /**
   * Judges a flow's first datagrams.
   *
   * @param datagrams All that came so far, at least one; the same array at each call
   * @returns What they are, or `undefined` if more is needed
   */
  datagrams(datagrams: readonly Uint8Array[]): Detected | undefined {
    return this.#ask(Infinity, (detector) => detector.udp?.(datagrams, this.#wants.alpn));
  }

  /**
   * Returns the watch that later datagrams of a flow are compared with, if there is one. Detectors forget the
   * flow.
   *
   * @param datagrams The argument of {@linkcode datagrams}
   */
  watch(datagrams: readonly Uint8Array[]): Watch | undefined {
    let matched: Watch | undefined;
    for (const detector of this.#detectors) {
      const watch = detector.watch?.(datagrams);
      if (detector === this.#matched) matched = watch;
    }
    return matched;
  }

  /**
   * Ends detection because no more comes or no more may be held.
   *
   * @param end Why no more is read
   * @returns What is certain, without the facts that a route can ask for; else `unknown`, with the
   * protocols that are still possible
   */
  conclude(end: DetectEnd): Detected {
    if (this.#certain === undefined) {
      const first = this.#held ?? UNKNOWN;
      // The target gets no more than detectors have read.
      if (end === "client_end") return this.#withOuter({ ...first, end });
      const maybe = this.#detectors.filter((_, i) => this.#wait[i] !== Infinity)
        .map(({ name }) => name);
      return this.#withOuter({ ...first, end, maybe });
    }
    const { protocol, facts } = this.#certain;
    const kept = Object.entries(facts).filter(([name]) => !CONDITION_FACTS.has(name));
    return this.#withOuter({ protocol, facts: Object.fromEntries(kept), end });
  }

  /** Continues with the detectors that may know what lies behind a step. */
  #continueBehind(step: Step, found: Detected): Detected {
    this.step = step;
    this.opening = [...this.opening, ...step.target];
    this.#detectors = step.then;
    this.#wait = step.then.map(() => 0);
    this.#judges = [];
    this.#certain = this.#held = undefined;
    return this.#outer = this.#withOuter(found);
  }

  /** Combines what was found behind a step with what was found before it. */
  #withOuter(found: Detected): Detected {
    const outer = this.#outer;
    if (outer === undefined || found.protocol === UNKNOWN.protocol) return found;
    return { ...found, ...outer, facts: { ...outer.facts, ...found.facts } };
  }

  /** Reports whether a route names a detector's protocol and asks for what lies behind a step. */
  #isStepWanted({ then }: Step, { name }: Detector): boolean {
    const wanted = this.#wants.named(name);
    return then.some(({ facts }) => facts?.some((fact) => wanted.has(fact)));
  }

  #ask(
    length: number,
    judge: (detector: Detector, index: number) => Verdict | undefined,
  ): Detected | undefined {
    let open = false;
    this.step = undefined;
    for (let i = 0; i < this.#detectors.length; i++) {
      const wait = this.#wait[i]!;
      if (wait === Infinity) continue;
      const detector = this.#detectors[i]!;
      const verdict = wait <= length ? judge(detector, i) : undefined;
      if (verdict === undefined) {
        open = true;
        continue;
      }
      switch (verdict.kind) {
        case "match": {
          const { facts, end, step } = verdict;
          const detected = { protocol: detector.name, facts, ...(end !== undefined && { end }) };
          if (detector.facts === undefined && this.#held === undefined && this.#isOtherWanted(i)) {
            // `SSH-2.0-x / HTTP/1.1` begins a request, too: Go takes any token as its method.
            this.#held = detected;
            this.#wait[i] = Infinity;
            break;
          }
          this.#matched = detector;
          if (step !== undefined && this.#isStepWanted(step, detector)) {
            return this.#continueBehind(step, detected);
          }
          return this.#withOuter(detected);
        }
        case "no_match":
          this.#wait[i] = Infinity;
          if (this.#certain?.protocol === detector.name) this.#certain = undefined;
          break;
        case "need_more":
          open = true;
          this.#wait[i] = verdict.bytes;
          if (verdict.certain === undefined) {
            if (this.#certain?.protocol === detector.name) this.#certain = undefined;
            break;
          }
          this.#certain = { protocol: detector.name, facts: verdict.certain };
          if (!(verdict.lacks?.some((fact) => this.#wants.of(detector.name).has(fact)) ?? true)) {
            return this.#withOuter(this.#certain);
          }
      }
    }
    return open ? undefined : this.#held ?? UNKNOWN;
  }

  /**
   * Reports whether another detector that has not said no may find facts that routes ask for. Those behind a
   * step are not in bytes that are another protocol's.
   */
  #isOtherWanted(matched: number): boolean {
    return this.#detectors.some(({ name, facts, behind }, i) =>
      i !== matched && !behind && this.#wait[i] !== Infinity &&
      (facts?.some((fact) => this.#wants.of(name).has(fact)) ?? false)
    );
  }
}
