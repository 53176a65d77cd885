/**
 * What a client's first datagrams say in QUIC: whose Initial packets open, what their ClientHello says, and
 * later whether another datagram says otherwise. Knows no sockets and no routes.
 *
 * @module
 */

import type { AlpnSet } from "../wire/alpn.ts";
import { HANDSHAKE_HEADER } from "../wire/client_hello.ts";
import {
  CryptoLog,
  type CryptoSink,
  CryptoStream,
  MAX_CRYPTO_BYTES,
} from "../wire/crypto_stream.ts";
import { readFrames } from "../wire/quic_frames.ts";
import { InitialKeys } from "../wire/quic_keys.ts";
import {
  MIN_INITIAL_DATAGRAM,
  MIN_LENGTH,
  parsePacket,
  type QuicPacket,
  type QuicVersion,
} from "../wire/quic_packet.ts";
import { isRetryOf } from "../wire/quic_retry.ts";
import { judgeHello } from "./_hello.ts";
import { type Facts, NO_MATCH, type Verdict, type Watch } from "./detector.ts";
import type { DetectEnd } from "./ends.ts";

/** Datagrams of a flow that are looked at. A hello of 64 KiB takes 56. */
const MAX_DATAGRAMS = 64;
/** Decrypted bytes that are looked at, padding and repeats included: twice the longest hello's. */
const MAX_PAYLOAD_BYTES = 2 * MAX_CRYPTO_BYTES;
/**
 * Connection IDs of a flow that keys are derived for. Those whose packets did not open count too, so that
 * a repeated forgery derives nothing again.
 */
const MAX_ATTEMPTS = 4;

/**
 * Bytes of a hello that are remembered while its flow waits for the target's answer. What is repeated of a
 * longer one is not passed on.
 */
const MAX_TOLD_BYTES = 2048;

/**
 * Packets of a datagram that may be tried in vain, once for each connection that is watched: what clients
 * send later has one Initial packet or two.
 */
const MAX_TRIED_IN_VAIN = 8;

type Match = Extract<Verdict, { kind: "match" }>;

/** Shared by all flows: it is filled and read within one call. */
const STREAM = new CryptoStream();

/** One connection attempt: client sockets may share a flow between several. */
interface Attempt {
  readonly version: QuicVersion;
  readonly dcid: Uint8Array;
  readonly keys: InitialKeys;
  /** What its packets said; unset until one has opened. */
  log: CryptoLog | undefined;
  /** Handshake bytes below which the log is not worth reading again. */
  needed: number;
  /** Set once the hello is read. */
  told: Told | undefined;
  /** Set once nothing of it may be passed on: its hello is another, or was too long to remember. */
  refused: boolean;
  /** Opens what the server answers; made once that may be something. */
  server: InitialKeys | undefined;
}

/** What a connection has told, as far as it is remembered: the first bytes of its hello. */
interface Told {
  readonly hello: Uint8Array;
  /** How long all of the hello is. */
  readonly length: number;
  readonly match: Match;
}

/** The first datagrams of one flow. */
export class FirstFlight implements Watch {
  readonly #attempts: Attempt[] = [];
  #judged = 0;
  #datagramBytes = 0;
  #payloadBytes = 0;
  #verdict: Verdict | undefined;
  /** Set once a datagram may have begun a connection that is not followed. */
  #missed = false;
  readonly #alpn: AlpnSet | undefined;

  /** @param alpn The protocol names that routes ask for */
  constructor(alpn: AlpnSet | undefined) {
    this.#alpn = alpn;
  }

  /**
   * Judges what came since the last call.
   *
   * @param datagrams All datagrams of the flow so far
   * @returns The verdict
   */
  judge(datagrams: readonly Uint8Array[]): Verdict {
    while (this.#verdict === undefined && this.#judged < datagrams.length) {
      const datagram = datagrams[this.#judged++]!;
      this.#datagramBytes += datagram.length;
      this.#verdict = this.#take(datagram);
      if (this.#verdict !== undefined) this.#shrink();
    }
    return this.#verdict ?? this.#needMore();
  }

  /**
   * Reports whether a later datagram may be passed on: servers discard packets for reasons that shunt cannot
   * know (a token, their size, a number), so one that comes after the match may be the first they read.
   *
   * @param datagram A datagram of the client's
   * @returns `false` if its Initial packets carry another hello than the one that was judged, or if too many
   * of them do not open
   */
  allows(datagram: Uint8Array): boolean {
    let inVain = 0;
    let packet = parsePacket(datagram, 0);
    for (; packet !== undefined; packet = parsePacket(datagram, packet.end)) {
      if (packet.kind !== "initial") continue;
      for (const attempt of this.#attempts) {
        // With the server's first answer a client changes the connection ID, but not the keys.
        const payload = attempt.keys.open(datagram, packet);
        if (attempt.keys.lost) return false;
        if (payload === undefined) {
          if (++inVain > MAX_TRIED_IN_VAIN) return false;
          continue;
        }
        if (attempt.refused || !this.#repeats(attempt, payload)) return false;
        break;
      }
    }
    return true;
  }

  /**
   * Reports whether a datagram belongs to a connection that is watched.
   *
   * @param datagram A datagram of the client's
   * @returns Whether its first packet opens with the keys of the connection that it names
   */
  follows(datagram: Uint8Array): boolean {
    const packet = parsePacket(datagram, 0);
    return packet?.kind === "initial" &&
      this.#attempts.some(({ dcid, keys }) =>
        equal(dcid, packet.dcid) && keys.open(datagram, packet) !== undefined
      );
  }

  /**
   * Reports whether nothing is left to watch. A server that says its own hello has read the client's, and
   * one that asks for a Retry has kept nothing. Keys show whom it answers: others of the flow may go on.
   *
   * @param datagram A datagram of the target's
   * @returns Whether all connections have been answered
   */
  endsWith(datagram: Uint8Array): boolean {
    for (let i = this.#attempts.length - 1; i >= 0; i--) {
      if (isAnswered(this.#attempts[i]!, datagram)) this.#attempts.splice(i, 1);
    }
    return this.#attempts.length === 0;
  }

  /** Whether a packet repeats what its connection said before, or what the judged one did. */
  #repeats(attempt: Attempt, payload: Uint8Array): boolean {
    if (attempt.told !== undefined) return readFrames(payload, new Repeat(attempt.told));
    const log = attempt.log ??= new CryptoLog();
    readFrames(payload, log);
    const match = readHello(attempt, log, this.#alpn);
    attempt.refused = log.size > MAX_TOLD_BYTES ||
      (match !== undefined && !sameFacts(match, this.#verdict));
    return !attempt.refused;
  }

  /** Once there is an answer, keeps what later datagrams are held against: the flow may live for long. */
  #shrink(): void {
    const kept = this.#attempts.filter(({ log }) => log !== undefined);
    this.#attempts.splice(0, Infinity, ...kept);
    for (const attempt of kept) {
      if (attempt.told === undefined && attempt.log!.size <= MAX_TOLD_BYTES) continue;
      attempt.refused = attempt.told === undefined;
      attempt.log = undefined;
    }
  }

  /** The connection that made QUIC certain. */
  get #certain(): Attempt | undefined {
    return this.#attempts.find(({ log }) => log !== undefined);
  }

  #needMore(): Verdict {
    const bytes = this.#datagramBytes + 1;
    const certain = this.#certain;
    return certain === undefined
      ? { kind: "need_more", bytes }
      : { kind: "need_more", bytes, certain: { version: certain.version } };
  }

  /** Judges the next datagram: an answer, or `undefined` while more is needed. */
  #take(datagram: Uint8Array): Verdict | undefined {
    const first = parsePacket(datagram, 0);
    // A Handshake packet's keys take the server's answer, so none comes before an Initial packet.
    if (first?.kind === "handshake" && this.#certain === undefined) return NO_MATCH;
    let early = false;
    let opened: Attempt | undefined;
    for (let packet = first; packet !== undefined; packet = parsePacket(datagram, packet.end)) {
      if (packet.version !== first?.version) break;
      if (packet.kind === "zero_rtt" && packet.end - packet.numberAt >= MIN_LENGTH) early = true;
      if (packet.kind !== "initial") continue;
      // A datagram is one connection's: the one that its first packet names (RFC 9000 §12.2).
      const attempt = this.#open(this.#attempt(first, datagram.length), datagram, packet);
      // No early data goes with a forgery.
      if (attempt === undefined) early = false;
      else opened = attempt;
    }
    const match = opened?.log && readHello(opened, opened.log, this.#alpn);
    // What is not followed may be what a server reads.
    if (match !== undefined) return this.#missed ? unreadable(match.facts, "datagrams") : match;
    return opened !== undefined || early || this.#certain !== undefined ? this.#limit() : NO_MATCH;
  }

  /** Ends detection with what is certain once a limit is reached. */
  #limit(): Verdict | undefined {
    if (this.#judged < MAX_DATAGRAMS && this.#payloadBytes < MAX_PAYLOAD_BYTES) return undefined;
    const certain = this.#certain;
    return certain === undefined ? NO_MATCH : unreadable({ version: certain.version }, "datagrams");
  }

  /**
   * The attempt that a packet's connection ID belongs to. While nothing is answered, a client keeps the
   * one that its keys come from. Datagrams that are too short to begin one make no keys.
   */
  #attempt({ version, dcid }: QuicPacket, datagramBytes: number): Attempt | undefined {
    const known = this.#attempts.find((one) => one.version === version && equal(one.dcid, dcid));
    if (known !== undefined) return known;
    if (datagramBytes < MIN_INITIAL_DATAGRAM) return undefined;
    if (this.#attempts.length === MAX_ATTEMPTS) {
      this.#missed = true;
      return undefined;
    }
    const attempt: Attempt = {
      version,
      dcid: new Uint8Array(dcid),
      keys: new InitialKeys(version, dcid),
      log: undefined,
      needed: HANDSHAKE_HEADER,
      told: undefined,
      refused: false,
      server: undefined,
    };
    this.#attempts.push(attempt);
    return attempt;
  }

  /**
   * Opens a packet and keeps what it says.
   *
   * @param own The attempt that its datagram names; others follow, for servers that go by addresses
   * @returns Whose it is; `undefined` if it is not authentic
   */
  #open(
    own: Attempt | undefined,
    datagram: Uint8Array,
    packet: QuicPacket,
  ): Attempt | undefined {
    const others = this.#attempts.filter((one) => one !== own && one.log !== undefined);
    for (const attempt of own === undefined ? others : [own, ...others]) {
      const payload = attempt.keys.open(datagram, packet);
      if (attempt.keys.lost) this.#missed = true;
      if (payload === undefined) continue;
      readFrames(payload, attempt.log ??= new CryptoLog());
      this.#payloadBytes += payload.length;
      return attempt;
    }
  }
}

/** Whether a datagram of the target's says that it has read a connection's hello, or nothing of it. */
function isAnswered(attempt: Attempt, datagram: Uint8Array): boolean {
  if (isRetryOf(datagram, attempt.version, attempt.dcid)) return true;
  let packet = parsePacket(datagram, 0);
  for (; packet !== undefined; packet = parsePacket(datagram, packet.end)) {
    if (packet.kind !== "initial") continue;
    // A server may answer in another version than it was asked in (RFC 9368 §2.3).
    if (attempt.server?.version !== packet.version) {
      attempt.server = new InitialKeys(packet.version, attempt.dcid, "server");
    }
    const payload = attempt.server.open(datagram, packet);
    if (payload !== undefined && !readFrames(payload, NO_CRYPTO)) return true;
  }
  return false;
}

/** Takes no data. */
const NO_CRYPTO: CryptoSink = { add: (_, data) => data.length === 0 };

/** Compares CRYPTO data with a hello that was read before. What follows a hello is no part of it. */
class Repeat implements CryptoSink {
  readonly #told: Told;

  constructor(told: Told) {
    this.#told = told;
  }

  add(offset: number, data: Uint8Array): boolean {
    const { hello, length } = this.#told;
    const end = Math.min(offset + data.length, length);
    for (let at = offset; at < end; at++) if (hello[at] !== data[at - offset]) return false;
    return true;
  }
}

/** Puts the hello together no more than twice: for its length and for all of it. */
function readHello(
  attempt: Attempt,
  log: CryptoLog,
  alpn: AlpnSet | undefined,
): Match | undefined {
  if (log.contiguous < attempt.needed) return undefined;
  STREAM.reset();
  // Some servers believe the bytes that came first, some the last.
  const agrees = log.replay(STREAM);
  const match = agrees ? parse(attempt, STREAM.contiguous, alpn) : unreadable(attempt, "malformed");
  if (match === undefined) return undefined;
  const length = match.facts.hello_bytes ?? MAX_CRYPTO_BYTES;
  const hello = STREAM.contiguous.slice(0, Math.min(length, MAX_TOLD_BYTES));
  attempt.told = { hello, length, match };
  return match;
}

function parse(
  attempt: Attempt,
  message: Uint8Array,
  alpn: AlpnSet | undefined,
): Match | undefined {
  const result = judgeHello(message, alpn, "q");
  switch (result.kind) {
    case "match":
      return { ...result, facts: { ...result.facts, version: attempt.version } };
    case "need_more":
      attempt.needed = result.bytes;
      return result.bytes > MAX_CRYPTO_BYTES ? unreadable(attempt, "max_bytes") : undefined;
    case "invalid":
      return unreadable(attempt, "malformed");
  }
}

/** QUIC without doubt, though no hello can be read. */
function unreadable({ version }: Facts, end: DetectEnd): Match {
  return { kind: "match", facts: version === undefined ? {} : { version }, end };
}

/** Whether two hellos say the same of what routes can ask for. */
function sameFacts(one: Match, other: Verdict | undefined): boolean {
  if (other?.kind !== "match" || one.end !== other.end) return false;
  const { sni, ja4, alpn = [] } = one.facts;
  const { facts } = other;
  return sni === facts.sni && ja4 === facts.ja4 && `${alpn}` === `${facts.alpn ?? []}`;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}
