/**
 * Converts socket addresses between the kernel's form (`struct sockaddr_in`, `_in6`, `_un`) and text.
 *
 * @module
 */

import ipaddr from "ipaddr.js";
import type { Endpoint } from "../mod.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "./abi.ts";

/** Bytes that hold any address except a Unix one. */
export const SOCKADDR_BYTES = 28;
const SUN_PATH_BYTES = 108;

/** Encoded addresses of targets, which are few: encoding one costs 1.3 µs. */
const names = new Map<string, Uint8Array<ArrayBuffer>>();
const MAX_NAMES = 1024;

/**
 * Encodes an IP address and port.
 *
 * @param host IP literal
 * @param port Port number
 * @returns `sockaddr_in` or `sockaddr_in6`; must not be changed, and is valid until the next call
 * @throws {TypeError} if `host` is no IP literal
 */
export function encodeInet(host: string, port: number): Uint8Array<ArrayBuffer> {
  let bytes = names.get(host);
  if (bytes === undefined) {
    bytes = encodeHost(host);
    if (names.size >= MAX_NAMES) names.clear();
    names.set(host, bytes);
  }
  bytes[2] = port >> 8;
  bytes[3] = port & 255;
  return bytes;
}

function encodeHost(host: string): Uint8Array<ArrayBuffer> {
  const address = ipaddr.process(host === "::" ? "0::0" : host);
  const six = host.includes(":");
  const bytes = new Uint8Array(six ? SOCKADDR_BYTES : 16);
  bytes[0] = six ? AF_INET6 : AF_INET;
  if (six) {
    const v6 = address.kind() === "ipv4"
      ? (address as ipaddr.IPv4).toIPv4MappedAddress()
      : address as ipaddr.IPv6;
    bytes.set(v6.toByteArray(), 8);
  } else {
    bytes.set(address.toByteArray(), 4);
  }
  return bytes;
}

/**
 * Encodes the path of a Unix socket.
 *
 * @param path The path
 * @returns `sockaddr_un`
 * @throws {RangeError} if it is longer than 107 bytes
 */
export function encodeUnix(path: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(path);
  if (text.length >= SUN_PATH_BYTES) {
    throw new RangeError(`Path "${path}" is longer than ${SUN_PATH_BYTES - 1} bytes`);
  }
  const bytes = new Uint8Array(2 + text.length + 1);
  bytes[0] = AF_UNIX;
  bytes.set(text, 2);
  return bytes;
}

/** IPv4 addresses as text, since traffic comes from the same addresses again and again. */
const texts = new Map<number, string>();
/** IPv6 addresses as text, by their bytes: formatting one costs 1.5 µs. */
const sixes = new Map<string, string>();
const MAX_TEXTS = 65_536;

/** Formats 4 bytes at an index as an IPv4 literal. */
export function ipv4TextAt(bytes: Uint8Array, at: number): string {
  const key = (bytes[at]! * 0x1000000) +
    (bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!);
  let text = texts.get(key);
  if (text === undefined) {
    text = `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
    if (texts.size >= MAX_TEXTS) texts.clear();
    texts.set(key, text);
  }
  return text;
}

/**
 * Reads the host of a `sockaddr`.
 *
 * @param bytes Memory that holds a `sockaddr`
 * @param at Where it begins
 * @returns IP literal, IPv4-mapped ones as IPv6; empty for a Unix socket
 */
export function hostAt(bytes: Uint8Array, at: number): string {
  const family = bytes[at]! | bytes[at + 1]! << 8;
  if (family === AF_INET) return ipv4TextAt(bytes, at + 4);
  if (family !== AF_INET6) return "";
  return ipv6Text(bytes, at + 8);
}

/** Formats 16 bytes at an index as an IPv6 literal as in RFC 5952, mapped ones as `::ffff:a.b.c.d`. */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  let mapped = bytes[at + 10] === 255 && bytes[at + 11] === 255;
  for (let i = 0; mapped && i < 10; i++) mapped = bytes[at + i] === 0;
  if (mapped) return `::ffff:${ipv4TextAt(bytes, at + 12)}`;
  const key = String.fromCharCode.apply(null, bytes.subarray(at, at + 16) as unknown as number[]);
  let text = sixes.get(key);
  if (text === undefined) {
    text = new ipaddr.IPv6([...bytes.subarray(at, at + 16)]).toRFC5952String();
    if (sixes.size >= MAX_TEXTS) sixes.clear();
    sixes.set(key, text);
  }
  return text;
}

/** Reads the port of a `sockaddr_in` or `_in6` at an index. */
export function portAt(bytes: Uint8Array, at: number): number {
  return bytes[at + 2]! << 8 | bytes[at + 3]!;
}

/** Decodes a `sockaddr`. Host and port are empty and 0 for a Unix socket. */
export function decodeSockaddr(bytes: Uint8Array): Endpoint {
  const host = hostAt(bytes, 0);
  return { host, port: host === "" ? 0 : portAt(bytes, 0) };
}
