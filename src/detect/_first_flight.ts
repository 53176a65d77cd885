/**
 * Reads a client's first QUIC datagrams: which Initial packets open, and what their ClientHello says. Later
 * it checks whether further datagrams repeat that hello. Knows no sockets and no routes.
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
import { HELLO_FACTS, judgeHello } from "./_hello.ts";
import { type Facts, NO_MATCH, type Verdict, type Watch } from "./detector.ts";
import type { DetectEnd } from "./ends.ts";

/** Datagrams of a flow that are read at most. A hello of 64 KiB takes 56. */
const MAX_DATAGRAMS = 64;
/** Decrypted bytes that are read at most, padding and repeats included: twice the longest hello. */
const MAX_PAYLOAD_BYTES = 2 * MAX_CRYPTO_BYTES;
/**
 * Connection IDs of a flow that keys are derived for. Those whose packets did not open count too, so that a
 * repeated forgery causes no further derivation.
 */
const MAX_ATTEMPTS = 4;

/**
 * Bytes of a hello that are remembered while its flow waits for the target's answer. Repeats of a longer
 * hello are not passed on.
 */
const MAX_REMEMBERED_BYTES = 2048;

/**
 * Attempts to open packets of one datagram that may fail, over all watched connections. Later datagrams of
 * honest clients have one or two Initial packets.
 */
const MAX_FAILED = 8;

type Match = Extract<Verdict, { kind: "match" }>;

/** Shared by all flows: it is filled and read within one call. */
const STREAM = new CryptoStream();

/** One connection attempt. Several client sockets may share a flow. */
interface OpenedConnection {
  readonly version: QuicVersion;
  readonly dcid: Uint8Array;
  readonly keys: InitialKeys;
  /** The content of its packets; unset until one has opened. */
  log: CryptoLog | undefined;
  /** Handshake bytes that are needed before reading the log again makes sense. */
  needed: number;
  /** Set once the hello is read. */
  remembered: Remembered | undefined;
  /** Set if nothing more may be passed on: its hello differs, or was too long to remember. */
  refused: boolean;
  /** Opens the server's answers; made when the first possible one comes. */
  server: InitialKeys | undefined;
}

/** The remembered part of a connection's hello: its first bytes. */
interface Remembered {
  readonly hello: Uint8Array;
  /** Length of the whole hello. */
  readonly length: number;
  readonly match: Match;
}

/** The first datagrams of one flow. */
export class FirstFlight implements Watch {
  readonly #attempts: OpenedConnection[] = [];
  #judged = 0;
  #datagramBytes = 0;
  #payloadBytes = 0;
  #verdict: Verdict | undefined;
  /** Set if a datagram may have begun a connection that is not watched. */
  #missed = false;
  readonly #alpn: AlpnSet | undefined;

  /** @param alpn The protocol names that routes ask for */
  constructor(alpn: AlpnSet | undefined) {
    this.#alpn = alpn;
  }

  /**
   * Reads the datagrams that are new since the last call.
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
   * Reports whether a later datagram may be passed on. Servers discard packets for reasons that shunt
   * cannot know (a token, their size, a number), so a packet that comes after the match may be the first
   * one they read.
   *
   * @param datagram A datagram from the client
   * @returns `false` if its Initial packets carry another hello than the one that was read, or if too many
   * of them do not open
   */
  allows(datagram: Uint8Array): boolean {
    let failed = 0;
    let packet = parsePacket(datagram, 0);
    for (; packet !== undefined; packet = parsePacket(datagram, packet.end)) {
      if (packet.kind !== "initial") continue;
      for (const attempt of this.#attempts) {
        // After the server's first answer a client changes the connection ID, but not the keys.
        const payload = attempt.keys.open(datagram, packet);
        if (attempt.keys.lost) return false;
        if (payload === undefined) {
          if (++failed > MAX_FAILED) return false;
          continue;
        }
        if (attempt.refused || !this.#repeats(attempt, payload)) return false;
        break;
      }
    }
    return true;
  }

  /**
   * Reports whether a datagram belongs to a watched connection: its first packet opens with the keys of the
   * connection ID in it.
   */
  follows(datagram: Uint8Array): boolean {
    const packet = parsePacket(datagram, 0);
    return packet?.kind === "initial" &&
      this.#attempts.some(({ dcid, keys }) =>
        equal(dcid, packet.dcid) && keys.open(datagram, packet) !== undefined
      );
  }

  /**
   * Reports whether nothing is left to watch. A server that sends its own hello has read the client's, and
   * one that sends a Retry has kept nothing. The keys show which connection it answers; others of the flow
   * may go on.
   *
   * @param datagram A datagram from the target
   * @returns Whether all connections have been answered
   */
  endsWith(datagram: Uint8Array): boolean {
    for (let i = this.#attempts.length - 1; i >= 0; i--) {
      if (isAnswered(this.#attempts[i]!, datagram)) this.#attempts.splice(i, 1);
    }
    return this.#attempts.length === 0;
  }

  /** Reports whether a packet repeats its connection's hello, or has one with the verdict's facts. */
  #repeats(attempt: OpenedConnection, payload: Uint8Array): boolean {
    if (attempt.remembered !== undefined) {
      return readFrames(payload, new Repeat(attempt.remembered));
    }
    const log = attempt.log ??= new CryptoLog();
    readFrames(payload, log);
    const match = readHello(attempt, log, this.#alpn);
    attempt.refused = log.size > MAX_REMEMBERED_BYTES ||
      (match !== undefined && !sameFacts(match, this.#verdict));
    return !attempt.refused;
  }

  /** After the verdict, keeps only what later datagrams are compared with, since the flow may be long. */
  #shrink(): void {
    const kept = this.#attempts.filter(({ log }) => log !== undefined);
    this.#attempts.splice(0, Infinity, ...kept);
    for (const attempt of kept) {
      if (attempt.remembered === undefined && attempt.log!.size <= MAX_REMEMBERED_BYTES) continue;
      attempt.refused = attempt.remembered === undefined;
      attempt.log = undefined;
    }
  }

  /** The connection that made QUIC certain. */
  get #certain(): OpenedConnection | undefined {
    return this.#attempts.find(({ log }) => log !== undefined);
  }

  #needMore(): Verdict {
    const bytes = this.#datagramBytes + 1;
    const certain = this.#certain;
    return certain === undefined
      ? { kind: "need_more", bytes }
      : { kind: "need_more", bytes, certain: { version: certain.version } };
  }

  /** Reads the next datagram. Returns `undefined` if more are needed. */
  #take(datagram: Uint8Array): Verdict | undefined {
    const first = parsePacket(datagram, 0);
    // A Handshake packet needs keys from the server's answer, so none comes before an Initial packet.
    if (first?.kind === "handshake" && this.#certain === undefined) return NO_MATCH;
    let early = false;
    let opened: OpenedConnection | undefined;
    for (let packet = first; packet !== undefined; packet = parsePacket(datagram, packet.end)) {
      if (packet.version !== first?.version) break;
      if (packet.kind === "zero_rtt" && packet.end - packet.numberAt >= MIN_LENGTH) early = true;
      if (packet.kind !== "initial") continue;
      // A datagram belongs to one connection, which its first packet names (RFC 9000 §12.2).
      const attempt = this.#open(this.#attempt(first, datagram.length), datagram, packet);
      // Early data next to a forgery does not count.
      if (attempt === undefined) early = false;
      else opened = attempt;
    }
    const match = opened?.log && readHello(opened, opened.log, this.#alpn);
    // A server may read the connection that is not watched.
    if (match !== undefined) return this.#missed ? unreadable(match.facts, "datagrams") : match;
    return opened !== undefined || early || this.#certain !== undefined ? this.#limit() : NO_MATCH;
  }

  /** Ends detection with what is certain if a limit is reached. */
  #limit(): Verdict | undefined {
    if (this.#judged < MAX_DATAGRAMS && this.#payloadBytes < MAX_PAYLOAD_BYTES) return undefined;
    const certain = this.#certain;
    return certain === undefined ? NO_MATCH : unreadable({ version: certain.version }, "datagrams");
  }

  /**
   * Returns the attempt that a packet's connection ID belongs to. Until it is answered, a client keeps the
   * ID that its keys come from. Datagrams that are too short to begin a connection make no keys.
   */
  #attempt({ version, dcid }: QuicPacket, datagramBytes: number): OpenedConnection | undefined {
    const known = this.#attempts.find((one) => one.version === version && equal(one.dcid, dcid));
    if (known !== undefined) return known;
    if (datagramBytes < MIN_INITIAL_DATAGRAM) return undefined;
    if (this.#attempts.length === MAX_ATTEMPTS) {
      this.#missed = true;
      return undefined;
    }
    const attempt: OpenedConnection = {
      version,
      dcid: new Uint8Array(dcid),
      keys: new InitialKeys(version, dcid),
      log: undefined,
      needed: HANDSHAKE_HEADER,
      remembered: undefined,
      refused: false,
      server: undefined,
    };
    this.#attempts.push(attempt);
    return attempt;
  }

  /**
   * Opens a packet and keeps its content.
   *
   * @param own The attempt that its datagram names; others are tried next, for servers that go by addresses
   * @returns The attempt that it belongs to; `undefined` if it is not authentic
   */
  #open(
    own: OpenedConnection | undefined,
    datagram: Uint8Array,
    packet: QuicPacket,
  ): OpenedConnection | undefined {
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

/** Reports whether the target has read a connection's hello, or asks for a new one (Retry). */
function isAnswered(attempt: OpenedConnection, datagram: Uint8Array): boolean {
  if (isRetryOf(datagram, attempt.version, attempt.dcid)) return true;
  let packet = parsePacket(datagram, 0);
  for (; packet !== undefined; packet = parsePacket(datagram, packet.end)) {
    if (packet.kind !== "initial") continue;
    // A server may answer in another version (RFC 9368 §2.3).
    if (attempt.server?.version !== packet.version) {
      attempt.server = new InitialKeys(packet.version, attempt.dcid, "server");
    }
    const payload = attempt.server.open(datagram, packet);
    if (payload !== undefined && !readFrames(payload, NO_CRYPTO)) return true;
  }
  return false;
}

/** Accepts no data, and so finds any. */
const NO_CRYPTO: CryptoSink = { add: (_, data) => data.length === 0 };

/** Compares CRYPTO data with a hello that was read before. Data after the hello does not matter. */
class Repeat implements CryptoSink {
  readonly #remembered: Remembered;

  constructor(remembered: Remembered) {
    this.#remembered = remembered;
  }

  add(offset: number, data: Uint8Array): boolean {
    const { hello, length } = this.#remembered;
    const end = Math.min(offset + data.length, length);
    for (let at = offset; at < end; at++) if (hello[at] !== data[at - offset]) return false;
    return true;
  }
}

/** Assembles the hello at most twice: for its length and for its whole content. */
function readHello(
  attempt: OpenedConnection,
  log: CryptoLog,
  alpn: AlpnSet | undefined,
): Match | undefined {
  if (log.contiguous < attempt.needed) return undefined;
  STREAM.reset();
  // Some servers keep the bytes that came first, some the last.
  const agrees = log.replay(STREAM);
  const match = agrees ? parse(attempt, STREAM.contiguous, alpn) : unreadable(attempt, "malformed");
  if (match === undefined) return undefined;
  const length = match.facts.hello_bytes ?? MAX_CRYPTO_BYTES;
  const hello = STREAM.contiguous.slice(0, Math.min(length, MAX_REMEMBERED_BYTES));
  attempt.remembered = { hello, length, match };
  return match;
}

function parse(
  attempt: OpenedConnection,
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

/** A match without facts: certainly QUIC, but the hello cannot be read. */
function unreadable({ version }: Facts, end: DetectEnd): Match {
  return { kind: "match", facts: version === undefined ? {} : { version }, end };
}

/** Reports whether two hellos have the same facts that routes can ask for. */
function sameFacts(one: Match, other: Verdict | undefined): boolean {
  if (other?.kind !== "match" || one.end !== other.end) return false;
  return HELLO_FACTS.every((fact) => `${one.facts[fact] ?? ""}` === `${other.facts[fact] ?? ""}`);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}
