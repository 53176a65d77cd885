/**
 * Derives the keys of QUIC Initial packets (RFC 9001 §5, RFC 9369 §3.3), which anyone can do from the
 * client's first packet, and opens the packets. Knows nothing about frames, and no other keys.
 *
 * @module
 */

import { encryptBlock, expandKey, ROUND_KEY_WORDS, word } from "./aes.ts";
import { open, TAG_BYTES } from "./gcm.ts";
import { MIN_LENGTH, type QuicPacket, type QuicVersion } from "./quic_packet.ts";
import { hexWords, hmac, type HmacKey, hmacKey, hmacMessage } from "./sha256.ts";

const KEY_BYTES = 16;
const IV_BYTES = 12;
const SECRET_BYTES = 32;
const RESERVED_BITS = 0x0c;
/** Candidates for a packet number that are tried. An honest client leaves one. */
const MAX_CANDIDATES = 4;
/** Packet numbers that are remembered. A client sends few before it gets an answer. */
const MAX_EXPECTED = 256;
/** The longest UDP datagram. */
const MAX_DATAGRAM_BYTES = 65_536;

const SENDERS = {
  client: expandInput("client in", SECRET_BYTES),
  server: expandInput("server in", SECRET_BYTES),
} as const;

const PARAMETERS = {
  "1": {
    salt: hmacKey(hexWords("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")),
    key: expandInput("quic key", KEY_BYTES),
    iv: expandInput("quic iv", IV_BYTES),
    hp: expandInput("quic hp", KEY_BYTES),
  },
  "2": {
    salt: hmacKey(hexWords("0dede3def700a6db819381be6e269dcbf9bd2ed9")),
    key: expandInput("quicv2 key", KEY_BYTES),
    iv: expandInput("quicv2 iv", IV_BYTES),
    hp: expandInput("quicv2 hp", KEY_BYTES),
  },
} as const;

/** The label structure of TLS 1.3 with an empty context (RFC 8446 §7.1). */
function hkdfLabel(label: string, length: number): Uint8Array {
  const text = new TextEncoder().encode(`tls13 ${label}`);
  return Uint8Array.from([0, length, text.length, ...text, 0]);
}

/**
 * The input of HKDF-Expand for one block of output: the label and the block's number, 1 (RFC 5869 §2.3).
 */
function expandInput(label: string, length: number): Int32Array {
  return hmacMessage(Uint8Array.from([...hkdfLabel(label, length), 1]));
}

// Shared by all calls, as none awaits.
const HP_KEYS = new Int32Array(ROUND_KEY_WORDS);
const MASK = new Int32Array(4);
const BLOCK = new Int32Array(16);
const SECRET = new Int32Array(8);
const INITIAL_KEY = new Int32Array(16);
const TRIED = new Set<number>();
const NONCE = new Int32Array(3);
const HEADER = new Uint8Array(MAX_DATAGRAM_BYTES);
const PAYLOAD = new Uint8Array(MAX_DATAGRAM_BYTES);

/**
 * Opens the Initial packets of one side of a connection. Key and IV are derived only if a packet looks
 * right without them, so three of four random packets cost 3 µs, the others less than 10 µs.
 */
export class InitialKeys {
  /** The version of the packets. */
  readonly version: QuicVersion;
  readonly #secret: HmacKey;
  readonly #hp: Int32Array;
  #key: Int32Array | undefined;
  #iv: Int32Array | undefined;
  /** Numbers that a server may expect next: 0, and one more than each number that was opened. */
  readonly #expected: number[] = [0];
  #lost = false;

  /**
   * @param version The version, which determines salt and labels
   * @param dcid Destination connection ID of the client's first Initial packet
   * @param sender The side that sends the packets
   */
  constructor(version: QuicVersion, dcid: Uint8Array, sender: "client" | "server" = "client") {
    const { salt, hp } = PARAMETERS[version];
    const initial = hmacKey(hmac(salt, hmacMessage(dcid, BLOCK), SECRET), INITIAL_KEY);
    this.version = version;
    this.#secret = hmacKey(hmac(initial, SENDERS[sender], SECRET));
    this.#hp = hmac(this.#secret, hp);
  }

  /** Whether packets may have been missed because their numbers left too many candidates. */
  get lost(): boolean {
    return this.#lost;
  }

  /**
   * Removes header protection and decrypts (RFC 9001 §5.3, §5.4). A server completes a packet number
   * depending on which packets it received before (RFC 9000 §A.3), so each number that it may come to is
   * tried. Honest packets leave one.
   *
   * @param datagram The datagram, which is not changed
   * @param packet An Initial packet in it
   * @returns The packet's frames, a view that the next call may change; `undefined` if it is not authentic
   */
  open(datagram: Uint8Array, packet: QuicPacket): Uint8Array | undefined {
    const { start, numberAt, end } = packet;
    if (end - numberAt < MIN_LENGTH) return undefined;
    expandKey(this.#hp, HP_KEYS);
    for (let i = 0; i < 4; i++) MASK[i] = word(datagram, numberAt + 4 + 4 * i);
    encryptBlock(HP_KEYS, MASK);
    const first = datagram[start]! ^ (MASK[0]! >>> 24 & 0x0f);
    if ((first & RESERVED_BITS) !== 0) return undefined;

    const { key, iv } = PARAMETERS[this.version];
    this.#key ??= hmac(this.#secret, key);
    this.#iv ??= hmac(this.#secret, iv);
    const numberBytes = 1 + (first & 3);
    const from = numberAt + numberBytes;
    for (let at = start; at < numberAt; at++) HEADER[at - start] = datagram[at]!;
    HEADER[0] = first;
    const mask = MASK[0]! << 8 | MASK[1]! >>> 24;
    let sent = 0;
    for (let i = 0; i < numberBytes; i++) {
      const byte = datagram[numberAt + i]! ^ (mask >>> (24 - 8 * i) & 0xff);
      HEADER[numberAt - start + i] = byte;
      sent = sent * 256 + byte;
    }
    const tagAt = end - TAG_BYTES;
    TRIED.clear();
    for (const expected of this.#expected) {
      const number = complete(sent, 256 ** numberBytes, expected);
      if (TRIED.has(number)) continue;
      if (TRIED.size === MAX_CANDIDATES) {
        this.#lost = true;
        break;
      }
      TRIED.add(number);
      setNonce(this.#iv, number);
      const sealed = {
        key: this.#key,
        nonce: NONCE,
        aad: HEADER,
        aadBytes: from - start,
        bytes: datagram,
        from,
        tagAt,
      };
      if (!open(sealed, PAYLOAD)) continue;
      this.#expect(number + 1);
      return PAYLOAD.subarray(0, tagAt - from);
    }
    return undefined;
  }

  #expect(number: number): void {
    if (this.#expected.includes(number)) return;
    if (this.#expected.length < MAX_EXPECTED) this.#expected.push(number);
    else this.#lost = true;
  }
}

/** Returns the packet number closest to the expected one that ends in the sent bits (RFC 9000 §A.3). */
function complete(sent: number, range: number, expected: number): number {
  const candidate = expected - expected % range + sent;
  if (candidate <= expected - range / 2) return candidate + range;
  if (candidate > expected + range / 2 && candidate >= range) return candidate - range;
  return candidate;
}

/** Sets {@linkcode NONCE} to the IV, with the packet number XORed into its last 64 bits (RFC 9001 §5.3). */
function setNonce(iv: Int32Array, number: number): void {
  NONCE[0] = iv[0]!;
  NONCE[1] = iv[1]! ^ Math.floor(number / 2 ** 32);
  NONCE[2] = iv[2]! ^ number;
}
