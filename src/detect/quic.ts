/**
 * Recognises QUIC versions 1 and 2 by a client's first flight and reads what the ClientHello in it
 * tells. Never looks past the Initial packets, whose keys everyone can derive.
 *
 * Only an Initial packet that authenticates under the keys of its own connection ID makes QUIC
 * certain. So all other first datagrams are no match: Handshake and short-header packets, whose keys
 * are secret, and other versions (drafts, greased ones, version negotiation), of which no more is
 * known than a bit and where two lengths stand (RFC 8999). A 0-RTT packet of a known version may have
 * overtaken its Initial, so it is waited on, without certainty.
 *
 * @module
 */

import type { AlpnSet } from "../wire/alpn.ts";
import { HANDSHAKE_HEADER } from "../wire/client_hello.ts";
import { CryptoCoverage, CryptoStream, MAX_CRYPTO_BYTES } from "../wire/crypto_stream.ts";
import { readFrames } from "../wire/quic_frames.ts";
import { InitialKeys } from "../wire/quic_keys.ts";
import { parsePacket, type QuicPacket, type QuicVersion } from "../wire/quic_packet.ts";
import { judgeHello } from "./_hello.ts";
import { type Detector, NO_MATCH, type Verdict } from "./detector.ts";

/** Datagrams of a flow that are looked at. A hello of 64 KiB takes 56. */
const MAX_DATAGRAMS = 64;
/** Decrypted bytes kept of a flow, padding and repeats included: twice the longest hello's. */
const MAX_PAYLOAD_BYTES = 2 * MAX_CRYPTO_BYTES;
/** Packets of a datagram that are looked at. Clients coalesce one per encryption level, so 3. */
const MAX_PACKETS = 8;

/** Connections of a flow that are followed. Which hello is complete first decides for all. */
const MAX_ATTEMPTS = 4;

/** QUIC over UDP. */
export const quic: Detector = {
  name: "quic",
  facts: ["sni", "alpn", "ja4"],
  udp(datagrams, alpn) {
    let flow = FLOWS.get(datagrams);
    if (flow === undefined) {
      // Most datagrams that are not QUIC end here, before anything is kept of them.
      if (datagrams[0] === undefined || parsePacket(datagrams[0], 0) === undefined) return NO_MATCH;
      flow = new FirstFlight();
      FLOWS.set(datagrams, flow);
    }
    return flow.judge(datagrams, alpn);
  },
};

/**
 * What is known of each flow, so that no datagram is decrypted twice; it goes with its flow. An array
 * that was never seen gets the same answers, since datagrams are judged one by one.
 */
const FLOWS = new WeakMap<readonly Uint8Array[], FirstFlight>();

/** Shared by all flows: it is filled and read within one call. */
const STREAM = new CryptoStream();

/** One connection attempt: client sockets may share a flow between several. */
interface Attempt {
  readonly version: QuicVersion;
  readonly dcid: Uint8Array;
  readonly keys: InitialKeys;
  readonly payloads: Uint8Array[];
  readonly coverage: CryptoCoverage;
  /** Handshake bytes below which the payloads are not worth reading again. */
  needed: number;
}

class FirstFlight {
  readonly #attempts: Attempt[] = [];
  #judged = 0;
  #datagramBytes = 0;
  #payloadBytes = 0;
  #verdict: Verdict | undefined;

  judge(datagrams: readonly Uint8Array[], alpn: AlpnSet | undefined): Verdict {
    while (this.#verdict === undefined && this.#judged < datagrams.length) {
      const datagram = datagrams[this.#judged++]!;
      this.#datagramBytes += datagram.length;
      this.#verdict = this.#take(datagram, alpn);
    }
    return this.#verdict ?? this.#needMore();
  }

  #needMore(): Verdict {
    const bytes = this.#datagramBytes + 1;
    const attempt = this.#attempts[0];
    return attempt === undefined
      ? { kind: "need_more", bytes }
      : { kind: "need_more", bytes, certain: { version: attempt.version } };
  }

  /** Judges the next datagram: an answer, or `undefined` while more is needed. */
  #take(datagram: Uint8Array, alpn: AlpnSet | undefined): Verdict | undefined {
    let early = false;
    let first: QuicPacket | undefined;
    let attempt: Attempt | undefined;
    let at = 0;
    for (let i = 0; i < MAX_PACKETS; i++) {
      const packet = parsePacket(datagram, at);
      if (packet === undefined) break;
      first ??= packet;
      // A datagram is one connection's; the rest is to be ignored (RFC 9000 §12.2).
      if (packet.version !== first.version || !equal(packet.dcid, first.dcid)) break;
      at = packet.end;
      // A Handshake packet's keys take the server's answer, so none comes before an Initial packet.
      if (packet.kind === "handshake" && this.#attempts.length === 0) return NO_MATCH;
      if (packet.kind === "zero_rtt") early = true;
      if (packet.kind !== "initial") continue;
      const opened = this.#open(datagram, packet);
      if (opened === undefined) {
        // One forgery is as much as a datagram may cost, and no early data goes with it.
        early = false;
        break;
      }
      attempt = opened;
    }
    const verdict = attempt === undefined ? undefined : readHello(attempt, alpn);
    if (verdict !== undefined) return verdict;
    return early || this.#attempts.length > 0 ? this.#limit() : NO_MATCH;
  }

  /** Ends detection with what is certain once a limit is reached. */
  #limit(): Verdict | undefined {
    if (this.#judged < MAX_DATAGRAMS && this.#payloadBytes < MAX_PAYLOAD_BYTES) return undefined;
    const attempt = this.#attempts[0];
    return attempt === undefined ? NO_MATCH : certain(attempt);
  }

  /** The attempt that an Initial packet belongs to, with its payload, if it is authentic. */
  #open(datagram: Uint8Array, packet: QuicPacket): Attempt | undefined {
    const { version, dcid } = packet;
    // While nothing is answered, a client keeps the connection ID that its keys come from.
    const known = this.#attempts.find((one) => one.version === version && equal(one.dcid, dcid));
    if (known === undefined && this.#attempts.length === MAX_ATTEMPTS) return undefined;
    const keys = known?.keys ?? new InitialKeys(version, dcid);
    const payload = keys.open(datagram, packet);
    if (payload === undefined) return undefined;
    const attempt = known ?? {
      version,
      dcid,
      keys,
      payloads: [],
      coverage: new CryptoCoverage(),
      needed: HANDSHAKE_HEADER,
    };
    if (known === undefined) this.#attempts.push(attempt);
    attempt.payloads.push(payload);
    readFrames(payload, attempt.coverage);
    this.#payloadBytes += payload.length;
    return attempt;
  }
}

/** Reads the payloads no more than twice: for the hello's length and for the hello. */
function readHello(attempt: Attempt, alpn: AlpnSet | undefined): Verdict | undefined {
  if (attempt.coverage.contiguous < attempt.needed) return undefined;
  STREAM.reset();
  for (const payload of attempt.payloads) {
    if (!readFrames(payload, STREAM)) return certain(attempt);
  }
  const message = STREAM.contiguous;
  const result = judgeHello(message, alpn, "q");
  switch (result.kind) {
    case "match":
      return { ...result, facts: { ...result.facts, version: attempt.version } };
    case "need_more":
      attempt.needed = result.bytes;
      return result.bytes > MAX_CRYPTO_BYTES ? certain(attempt) : undefined;
    case "invalid":
      return certain(attempt);
  }
}

/** QUIC without doubt, though no hello can be read: contradictory, malformed or too long. */
function certain({ version }: Attempt): Verdict {
  return { kind: "match", facts: { version } };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}
