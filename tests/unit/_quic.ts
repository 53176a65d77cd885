/**
 * Builds the packets of a QUIC client's first flight for tests. It has its own key schedule and packet
 * protection, so that an error in the tested code does not hide here too.
 *
 * @module
 */

import { createCipheriv, createHmac } from "node:crypto";
import { bytesOf, concat } from "./_hello.ts";

/** What goes into a built packet. */
export interface PacketOptions {
  /** 1 unless set. */
  readonly version?: "1" | "2";
  /** Destination connection ID: eight bytes unless set. */
  readonly dcid?: Uint8Array;
  /** Connection ID that the keys come from, `dcid` unless set. */
  readonly keyId?: Uint8Array;
  /** Source connection ID. */
  readonly scid?: Uint8Array;
  /** Token of an Initial packet. */
  readonly token?: Uint8Array;
  /** Packet number, 0 unless set; may be more than its bytes can hold. */
  readonly number?: number;
  /** Bytes of the packet number, 1 unless set. */
  readonly numberBytes?: 1 | 2 | 3 | 4;
  /** Least size of the packet, reached with PADDING frames. */
  readonly size?: number;
  /** Bits to set in the first byte before protection. */
  readonly setBits?: number;
  /** Bits to clear in the first byte before protection. */
  readonly clearBits?: number;
  /** Whose packet it is: the client's unless set. */
  readonly sender?: "client" | "server";
}

/** The least size of a datagram with a client's Initial packet (RFC 9000 §14.1). */
export const MIN_DATAGRAM = 1200;

/** The connection ID of built packets: that of RFC 9001, appendix A. */
export const DCID = Uint8Array.of(0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08);

const VERSIONS = {
  "1": {
    wire: [0, 0, 0, 1],
    salt: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
    label: "quic",
    retry: { key: "be0c690b9f66575a1d766b54e368c84e", nonce: "461599d35d632bf2239825bb" },
    types: { initial: 0, zero_rtt: 1, handshake: 2, retry: 3 },
  },
  "2": {
    wire: [0x6b, 0x33, 0x43, 0xcf],
    salt: "0dede3def700a6db819381be6e269dcbf9bd2ed9",
    label: "quicv2",
    retry: { key: "8fb4b01b56ac48e260fbcbcead7ccc92", nonce: "d86969bc2d7c6d9990efb04a" },
    types: { initial: 1, zero_rtt: 2, handshake: 3, retry: 0 },
  },
} as const;

/**
 * Encodes a variable-length integer (RFC 9000 §16).
 *
 * @param value The value
 * @param size Its encoded length; the shortest unless given
 * @returns The bytes
 */
export function encodeVarint(value: number, size?: 1 | 2 | 4 | 8): Uint8Array {
  const length = size ?? (value < 0x40 ? 1 : value < 0x4000 ? 2 : value < 2 ** 30 ? 4 : 8);
  const out = new Uint8Array(length);
  for (let i = length - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) {
    out[i] = rest % 256;
  }
  out[0]! |= [0, 0x40, 0, 0x80, 0, 0, 0, 0xc0][length - 1]!;
  return out;
}

/**
 * Cuts a CRYPTO frame out of a handshake message.
 *
 * @param message The whole message
 * @param from Stream offset of the frame
 * @param to Stream offset after it; the message's end unless given
 * @returns The frame
 */
export function cryptoFrame(message: Uint8Array, from = 0, to = message.length): Uint8Array {
  return concat([6], encodeVarint(from), encodeVarint(to - from), message.subarray(from, to));
}

/**
 * Builds a protected Initial packet.
 *
 * @param frames The frames in it
 * @param opts What else goes into it
 * @returns The packet
 */
export function buildInitial(frames: Uint8Array, opts: PacketOptions = {}): Uint8Array {
  const { keyId = opts.dcid ?? DCID, number = 0, numberBytes = 1 } = opts;
  const token = opts.token ?? new Uint8Array(0);
  const fields = concat(encodeVarint(token.length), token);
  const lengthBytes = Math.max(opts.size ?? 0, frames.length + 20) < 0x4000 ? 2 : 4;
  const unpadded = header("initial", opts, fields).length + lengthBytes + numberBytes +
    frames.length + 16;
  const padding = Math.max((opts.size ?? 0) - unpadded, 4 - numberBytes - frames.length, 0);
  const payload = concat(frames, new Uint8Array(padding));
  const length = numberBytes + payload.length + 16;
  const wholeNumber = concat(new Uint8Array(4), encodeVarint(number, 8)).with(4, 0);
  const numberText = wholeNumber.subarray(12 - numberBytes);
  const clear = concat(
    header("initial", opts, concat(fields, encodeVarint(length, lengthBytes))),
    numberText,
  );
  const { key, iv, hp } = keysOf(opts, keyId);
  const nonce = iv.map((byte, i) => byte ^ wholeNumber[i]!);
  const aead = createCipheriv("aes-128-gcm", key, nonce).setAAD(clear);
  const packet = concat(clear, aead.update(payload), aead.final(), aead.getAuthTag());
  const numberAt = clear.length - numberBytes;
  const sample = packet.subarray(numberAt + 4, numberAt + 20);
  const block = createCipheriv("aes-128-ecb", hp, null);
  const mask = concat(block.update(sample), block.final());
  packet[0]! ^= mask[0]! & 0x0f;
  for (let i = 0; i < numberBytes; i++) packet[numberAt + i]! ^= mask[1 + i]!;
  return packet;
}

/**
 * Builds a packet of another kind, whose content cannot be opened.
 *
 * @param kind The kind
 * @param opts What goes into its header
 * @returns The packet
 */
export function buildOpaque(
  kind: "zero_rtt" | "handshake" | "retry",
  opts: PacketOptions = {},
): Uint8Array {
  const body = new Uint8Array(opts.size ?? 100).fill(0x5a);
  return concat(header(kind, opts, encodeVarint(body.length, 2)), body);
}

/**
 * Builds a server's first answer: an Initial packet with the beginning of its hello.
 *
 * @param keyId Connection ID of the client's first Initial packet
 * @param opts What else goes into it: by `dcid` and `scid` client and server want to be addressed
 * @returns The datagram
 */
export function buildAnswer(keyId: Uint8Array, opts: PacketOptions = {}): Uint8Array {
  const hello = cryptoFrame(bytesOf("\x02\0\0\x40"));
  return buildInitial(hello, { size: MIN_DATAGRAM, sender: "server", ...opts, keyId });
}

/**
 * Builds a server's Retry (RFC 9000 §17.2.5).
 *
 * @param keyId Connection ID of the client's first Initial packet
 * @param opts The IDs, version and token
 * @returns The datagram
 */
export function buildRetry(keyId: Uint8Array, opts: PacketOptions = {}): Uint8Array {
  const { retry } = VERSIONS[opts.version ?? "1"];
  const packet = header("retry", opts, opts.token ?? bytesOf("token"));
  const cipher = createCipheriv(
    "aes-128-gcm",
    Uint8Array.fromHex(retry.key),
    Uint8Array.fromHex(retry.nonce),
  );
  cipher.setAAD(concat([keyId.length], keyId, packet)).final();
  return concat(packet, cipher.getAuthTag());
}

function header(
  kind: "initial" | "zero_rtt" | "handshake" | "retry",
  opts: PacketOptions,
  rest: Uint8Array,
): Uint8Array {
  const { dcid = DCID, scid = new Uint8Array(0) } = opts;
  const { wire, types } = VERSIONS[opts.version ?? "1"];
  const bits = 0xc0 | (types[kind] << 4) | ((opts.numberBytes ?? 1) - 1) | (opts.setBits ?? 0);
  const first = bits & ~(opts.clearBits ?? 0);
  return concat([first], wire, [dcid.length], dcid, [scid.length], scid, rest);
}

function keysOf({ version = "1", sender = "client" }: PacketOptions, dcid: Uint8Array) {
  const { salt, label } = VERSIONS[version];
  const hmac = (key: Uint8Array, data: Uint8Array): Uint8Array =>
    Uint8Array.from(createHmac("sha256", key).update(data).digest());
  const expand = (secret: Uint8Array, name: string, length: number) => {
    const text = bytesOf(`tls13 ${name}`);
    return hmac(secret, concat([0, length, text.length], text, [0, 1])).subarray(0, length);
  };
  const pairs = salt.match(/../g) ?? [];
  const initial = hmac(Uint8Array.from(pairs, (pair) => parseInt(pair, 16)), dcid);
  const client = expand(initial, `${sender} in`, 32);
  return {
    key: expand(client, `${label} key`, 16),
    iv: expand(client, `${label} iv`, 12),
    hp: expand(client, `${label} hp`, 16),
  };
}
