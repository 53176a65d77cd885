/**
 * The keys of a QUIC client's Initial packets (RFC 9001 §5, RFC 9369 §3.3), which anyone can derive
 * from the packet, and what they open. Knows nothing of frames, and no other key.
 *
 * @module
 */

import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { type QuicPacket, type QuicVersion, TAG_BYTES } from "./quic_packet.ts";

const KEY_BYTES = 16;
const IV_BYTES = 12;
const SECRET_BYTES = 32;
const RESERVED_BITS = 0x0c;
const AEAD_OPTIONS = { authTagLength: TAG_BYTES } as const;

const CLIENT_IN = hkdfLabel("client in", SECRET_BYTES);

const PARAMETERS = {
  "1": {
    salt: hex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
    key: expandInput("quic key", KEY_BYTES),
    iv: expandInput("quic iv", IV_BYTES),
    hp: expandInput("quic hp", KEY_BYTES),
  },
  "2": {
    salt: hex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
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

/** What HKDF-Expand hashes for an output of one block: the label and the block's number, 1. */
function expandInput(label: string, length: number): Uint8Array {
  return Uint8Array.from([...hkdfLabel(label, length), 1]);
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function expand(secret: Uint8Array, input: Uint8Array, length: number): Uint8Array {
  return createHmac("sha256", secret).update(input).digest().subarray(0, length);
}

function encryptBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-128-ecb", key, null);
  const encrypted = cipher.update(block);
  // Deno keeps a cipher that is never finished for ever.
  cipher.final();
  return encrypted;
}

/**
 * Opens the Initial packets of one connection's client. The key and IV are derived only once a
 * packet looks right without them, so that three of four random packets cost less than half as much.
 */
export class InitialKeys {
  readonly #version: QuicVersion;
  readonly #secret: Uint8Array;
  readonly #hp: Uint8Array;
  #key: Uint8Array | undefined;
  #iv: Uint8Array | undefined;

  /**
   * @param version The version, which sets salt and labels
   * @param dcid Destination connection ID of the client's first Initial packet
   */
  constructor(version: QuicVersion, dcid: Uint8Array) {
    const { salt, hp } = PARAMETERS[version];
    this.#version = version;
    this.#secret = new Uint8Array(hkdfSync("sha256", dcid, salt, CLIENT_IN, SECRET_BYTES));
    this.#hp = expand(this.#secret, hp, KEY_BYTES);
  }

  /**
   * Removes header protection and decrypts (RFC 9001 §5.3, §5.4). As long as nothing was acknowledged,
   * a packet number is as it is sent (RFC 9000 §A.3).
   *
   * @param datagram The datagram, which is left as it is
   * @param packet An Initial packet in it
   * @returns The packet's frames, or `undefined` where it is not authentic
   */
  open(datagram: Uint8Array, packet: QuicPacket): Uint8Array | undefined {
    const { start, numberAt, end } = packet;
    const sample = datagram.subarray(numberAt + 4, numberAt + 4 + TAG_BYTES);
    const mask = encryptBlock(this.#hp, sample);
    const first = datagram[start]! ^ (mask[0]! & 0x0f);
    if ((first & RESERVED_BITS) !== 0) return undefined;

    const { key, iv } = PARAMETERS[this.#version];
    this.#key ??= expand(this.#secret, key, KEY_BYTES);
    this.#iv ??= expand(this.#secret, iv, IV_BYTES);
    const numberBytes = 1 + (first & 3);
    const header = datagram.slice(start, numberAt + numberBytes);
    const nonce = Uint8Array.from(this.#iv);
    header[0] = first;
    for (let i = 0; i < numberBytes; i++) {
      const byte = datagram[numberAt + i]! ^ mask[1 + i]!;
      header[numberAt - start + i] = byte;
      nonce[IV_BYTES - numberBytes + i]! ^= byte;
    }

    const tagAt = end - TAG_BYTES;
    const aead = createDecipheriv("aes-128-gcm", this.#key, nonce, AEAD_OPTIONS);
    aead.setAAD(header);
    aead.setAuthTag(datagram.subarray(tagAt, end));
    try {
      const frames = aead.update(datagram.subarray(numberAt + numberBytes, tagAt));
      aead.final();
      return frames;
    } catch {
      return undefined;
    }
  }
}
