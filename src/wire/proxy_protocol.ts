/**
 * Reads and writes the header of the PROXY protocol, which carries a connection's real addresses: versions
 * 1 (text) and 2 (binary) of HAProxy's specification. Knows neither sockets nor which peers are trusted.
 *
 * @module
 */

import ipaddr from "ipaddr.js";
import { isIP, isIPv4, isIPv6 } from "node:net";
import { canonicalHost, type SocketAddress } from "./address.ts";
import { tlvsAreSound } from "./proxy_tlvs.ts";
import { latin1, u16 } from "./reader.ts";

/** The content of a PROXY header. */
export interface ProxyHeader {
  /** Bytes of the header. The client's own bytes follow. */
  readonly length: number;
  /** The client; unset for LOCAL, UNKNOWN, AF_UNSPEC and unix sockets. */
  readonly source?: SocketAddress;
  /** The address that the client connected to; unset if the source is. */
  readonly destination?: SocketAddress;
}

/** The result of parsing the first bytes of a connection. */
export type ProxyResult =
  | { readonly kind: "header"; readonly header: ProxyHeader }
  /** The bytes may begin a header. Parsing again needs at least this many bytes in total. */
  | { readonly kind: "need_more"; readonly bytes: number }
  /** Certainly no PROXY header. */
  | { readonly kind: "none" }
  /** Starts like a PROXY header but is not one. */
  | { readonly kind: "invalid" };

/** The addresses to write into a PROXY header. */
export interface ProxyAddresses {
  readonly source: SocketAddress;
  /** The address that the client sent to; unset if unknown. */
  readonly destination: SocketAddress | undefined;
  readonly transport: "tcp" | "udp";
}

const NONE: ProxyResult = Object.freeze({ kind: "none" });
const INVALID: ProxyResult = Object.freeze({ kind: "invalid" });

const SIGNATURE_V1 = Uint8Array.from("PROXY ", (c) => c.charCodeAt(0));
const UNKNOWN_V1 = "PROXY UNKNOWN\r\n";
/** The longest line of version 1 with its CRLF (§2.1). */
const MAX_V1 = 107;

// deno-fmt-ignore
const SIGNATURE_V2 = Uint8Array.of(
  0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
);
const HEADER_V2 = 16;
/**
 * The format allows 65,551 bytes, but HAProxy itself reads no more than its buffer, 16 KiB. What real
 * proxies append (names, TLS details, a client certificate) stays below 8 KiB.
 */
const MAX_V2 = 16_384;

const LOCAL = 0;
const PROXY = 1;

/** Bytes of the address block by family (§2.2). */
const ADDRESS_BYTES = [0, 12, 36, 216] as const;
const INET = 1;
const INET6 = 2;
const STREAM = 1;
const DGRAM = 2;

/**
 * Parses a PROXY header of version 1 or 2. TLVs must fill the header exactly, and a checksum among them
 * must be right; their other content is skipped, as is everything after LOCAL or AF_UNSPEC. Version 2
 * headers over 16 KiB are invalid.
 *
 * @param bytes The first bytes of a connection
 * @returns The header, or that it is incomplete, malformed or absent
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyResult {
  if (bytes.length === 0) return { kind: "need_more", bytes: 1 };
  const signature = bytes[0] === SIGNATURE_V2[0] ? SIGNATURE_V2 : SIGNATURE_V1;
  const shared = Math.min(bytes.length, signature.length);
  for (let i = 0; i < shared; i++) {
    if (bytes[i] !== signature[i]) return NONE;
  }
  if (shared < signature.length) return { kind: "need_more", bytes: shared + 1 };
  return signature === SIGNATURE_V2 ? parseV2(bytes) : parseV1(bytes);
}

function parseV1(bytes: Uint8Array): ProxyResult {
  const limit = Math.min(bytes.length, MAX_V1);
  let feed = SIGNATURE_V1.length;
  while (feed < limit && bytes[feed] !== 0x0a) feed++;
  if (feed === limit) {
    if (limit === MAX_V1) return INVALID;
    return { kind: "need_more", bytes: Math.max(bytes.length + 1, UNKNOWN_V1.length) };
  }
  if (bytes[feed - 1] !== 0x0d) return INVALID;
  const length = feed + 1;
  const fields = latin1(bytes, SIGNATURE_V1.length, feed - 1).split(" ");
  // A receiver must ignore whatever follows UNKNOWN (§2.1).
  if (fields[0] === "UNKNOWN") return { kind: "header", header: { length } };
  const [family, from = "", to = "", fromPort = "", toPort = ""] = fields;
  const isHost = family === "TCP4" ? isIPv4 : family === "TCP6" ? isPlainIPv6 : undefined;
  if (isHost === undefined || fields.length !== 5 || !isHost(from) || !isHost(to)) return INVALID;
  if (!isPort(fromPort) || !isPort(toPort)) return INVALID;
  const source = { host: canonicalHost(from), port: Number(fromPort) };
  const destination = { host: canonicalHost(to), port: Number(toPort) };
  return { kind: "header", header: { length, source, destination } };
}

/** Refuses zones, which mean nothing on another machine. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes("%");
}

function isPort(text: string): boolean {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535;
}

function parseV2(bytes: Uint8Array): ProxyResult {
  if (bytes.length < HEADER_V2) return { kind: "need_more", bytes: HEADER_V2 };
  const command = bytes[12]! - 0x20;
  const length = HEADER_V2 + u16(bytes, 14);
  if ((command !== LOCAL && command !== PROXY) || length > MAX_V2) return INVALID;
  const family = bytes[13]! >> 4;
  const transport = bytes[13]! & 15;
  if (command === PROXY) {
    const size = ADDRESS_BYTES[family];
    // An address family needs a transport, and the other way round (§2.2).
    if (size === undefined || transport > DGRAM || (family === 0) !== (transport === 0)) {
      return INVALID;
    }
    if (length < HEADER_V2 + size) return INVALID;
  }
  if (bytes.length < length) return { kind: "need_more", bytes: length };
  // A receiver must discard whatever follows LOCAL or AF_UNSPEC (§2.2).
  if (command === LOCAL || family === 0) return { kind: "header", header: { length } };
  if (!tlvsAreSound(bytes, HEADER_V2 + ADDRESS_BYTES[family]!, length)) return INVALID;
  if (family !== INET && family !== INET6) return { kind: "header", header: { length } };
  const size = family === INET ? 4 : 16;
  const portsAt = HEADER_V2 + 2 * size;
  const source = { host: readHost(bytes, HEADER_V2, size), port: u16(bytes, portsAt) };
  const destination = {
    host: readHost(bytes, HEADER_V2 + size, size),
    port: u16(bytes, portsAt + 2),
  };
  return { kind: "header", header: { length, source, destination } };
}

function readHost(bytes: Uint8Array, at: number, size: number): string {
  const address = ipaddr.fromByteArray([...bytes.subarray(at, at + size)]);
  return canonicalHost(address.toString());
}

/**
 * Writes a PROXY header. If only one address is IPv4, it is written as an IPv4-mapped IPv6 address. The
 * header says "unknown" if an address is unknown or no IP literal, and for UDP in version 1.
 *
 * @param version The version of the format
 * @param addresses The addresses to write
 * @returns The header
 */
export function encodeProxyHeader(version: "v1" | "v2", addresses: ProxyAddresses): Uint8Array {
  const known = knownAddresses(addresses);
  return version === "v1" ? encodeV1(known) : encodeV2(known);
}

/**
 * Writes the header of a connection that shunt makes for itself, such as a health check: UNKNOWN in version
 * 1, LOCAL in version 2 (§2.1, §2.2).
 *
 * @param version The version of the format
 * @returns The header
 */
export function encodeOwnHeader(version: "v1" | "v2"): Uint8Array {
  if (version === "v1") return encodeV1(undefined);
  const header = encodeV2(undefined);
  header[12] = 0x20 | LOCAL;
  return header;
}

/** Two addresses of one family, in 4 or 16 bytes each. */
interface Known {
  readonly transport: "tcp" | "udp";
  readonly hosts: readonly [source: readonly number[], destination: readonly number[]];
  readonly ports: readonly [source: number, destination: number];
}

function knownAddresses({ source, destination, transport }: ProxyAddresses): Known | undefined {
  const from = addressBytes(source.host);
  const to = destination === undefined ? undefined : addressBytes(destination.host);
  if (destination === undefined || from === undefined || to === undefined) return undefined;
  const size = from.length === 4 && to.length === 4 ? 4 : 16;
  const hosts = [widen(from, size), widen(to, size)] as const;
  return { transport, hosts, ports: [source.port, destination.port] };
}

function encodeV1(known: Known | undefined): Uint8Array {
  let line = UNKNOWN_V1;
  if (known?.transport === "tcp") {
    const { hosts, ports } = known;
    const [from, to] = hosts.map((host) => ipaddr.fromByteArray([...host]).toString());
    const family = hosts[0].length === 4 ? "TCP4" : "TCP6";
    line = `PROXY ${family} ${from} ${to} ${ports[0]} ${ports[1]}\r\n`;
  }
  return new TextEncoder().encode(line);
}

function encodeV2(known: Known | undefined): Uint8Array {
  const family = known === undefined ? 0 : known.hosts[0].length === 4 ? INET : INET6;
  const header = new Uint8Array(HEADER_V2 + ADDRESS_BYTES[family]);
  header.set(SIGNATURE_V2);
  header[12] = 0x20 | PROXY;
  header[15] = ADDRESS_BYTES[family];
  if (known === undefined) return header;
  const { hosts, ports, transport } = known;
  header[13] = (family << 4) | (transport === "tcp" ? STREAM : DGRAM);
  const size = hosts[0].length;
  header.set(hosts[0], HEADER_V2);
  header.set(hosts[1], HEADER_V2 + size);
  const portView = new DataView(header.buffer, HEADER_V2 + 2 * size);
  portView.setUint16(0, ports[0]);
  portView.setUint16(2, ports[1]);
  return header;
}

/** Returns the address in 4 or 16 bytes, an IPv4-mapped one in 4; `undefined` if it is none. */
function addressBytes(host: string): number[] | undefined {
  if (isIP(host) === 0) return undefined;
  const zone = host.indexOf("%");
  return ipaddr.process(zone < 0 ? host : host.slice(0, zone)).toByteArray();
}

/** Maps an IPv4 address into IPv6 if 16 bytes are wanted (RFC 4291 §2.5.5.2). */
function widen(address: readonly number[], size: 4 | 16): readonly number[] {
  if (address.length === size) return address;
  return [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...address];
}
