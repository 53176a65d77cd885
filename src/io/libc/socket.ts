/**
 * Opens and binds sockets, reads their addresses and sets their options. Knows nothing about the bytes that go
 * through them.
 *
 * @module
 */

import type { Endpoint } from "../mod.ts";
import * as abi from "./abi.ts";
import { libcError } from "./errors.ts";
import { decodeSockaddr, encodeInet, SOCKADDR_BYTES } from "./sockaddr.ts";
import { openLibc } from "./symbols.ts";

/** The value of an option that is on. */
export const ONE: Uint8Array<ArrayBuffer> = new Uint8Array(new Int32Array([1]).buffer);
/** The address of a socket that has none. */
export const NOWHERE: Endpoint = { host: "", port: 0 };

/** Where calls write an address; valid until the next call. */
export const address: Uint8Array<ArrayBuffer> = new Uint8Array(128);
/** The length of {@linkcode address}, in and out. */
export const addressLength: Int32Array<ArrayBuffer> = new Int32Array(1);
/** {@linkcode addressLength} as bytes, as calls take it. */
export const addressLengthBytes: Uint8Array<ArrayBuffer> = new Uint8Array(addressLength.buffer);

/** Returns a socket's own address; empty and 0 if it has none. */
export function localEndpoint(fd: number): Endpoint {
  const { libc } = openLibc();
  addressLength[0] = SOCKADDR_BYTES;
  address.fill(0);
  return libc.getsockname(fd, address, addressLengthBytes) < 0 ? NOWHERE : decodeSockaddr(address);
}

/** `struct linger`: on, with no time, which makes closing a reset. */
const LINGER_NONE = new Uint8Array(new Int32Array([1, 0]).buffer);

const queued = new Int32Array(1);
const queuedBytes = new Uint8Array(queued.buffer);

/** The kernel caps this at rmem_max. Bursts of many clients wait here while another thread runs. */
const RECEIVE_BUFFER = new Uint8Array(new Int32Array([4_194_304]).buffer);

/** Enlarges the receive buffer of a UDP socket. */
export function enlargeReceiveBuffer(fd: number): void {
  openLibc().libc.setsockopt(fd, abi.SOL_SOCKET, abi.SO_RCVBUF, RECEIVE_BUFFER, 4);
}

/** Makes closing a TCP socket drop unsent bytes and send a reset. */
export function resetOnClose(fd: number): void {
  openLibc().libc.setsockopt(fd, abi.SOL_SOCKET, abi.SO_LINGER, LINGER_NONE, 8);
}

/**
 * Returns how many bytes of a TCP socket the other side has not acknowledged, a sent end counting as one
 * (tcp(7), `SIOCOUTQ`).
 */
export function unsentBytes(fd: number): number {
  queued[0] = 0;
  return openLibc().libc.ioctl(fd, abi.SIOCOUTQ, queuedBytes) < 0 ? 0 : queued[0];
}

/** Returns the type of a socket, such as `SOCK_STREAM`, or -1 if the descriptor is no socket. */
export function socketType(fd: number): number {
  const { libc } = openLibc();
  const value = new Int32Array(1);
  const length = new Int32Array([4]);
  const bytes = [new Uint8Array(value.buffer), new Uint8Array(length.buffer)] as const;
  return libc.getsockopt(fd, abi.SOL_SOCKET, abi.SO_TYPE, ...bytes) < 0 ? -1 : value[0]!;
}

/**
 * Opens a socket.
 *
 * @param family `AF_INET` and the like
 * @param type `SOCK_STREAM` or `SOCK_DGRAM`
 * @param protocol The protocol's number; the family's default unless given
 * @returns The descriptor, non-blocking and closed on exec
 * @throws {LibcError} if no descriptor is left
 */
export function openSocket(family: number, type: number, protocol: number = 0): number {
  const { libc, errno } = openLibc();
  const fd = libc.socket(family, type | abi.SOCK_FLAGS, protocol);
  if (fd < 0) throw libcError("socket", errno[0]!);
  return fd;
}

/**
 * Binds a socket.
 *
 * @param fd The socket; closed if binding fails
 * @param at The address
 * @param shared Whether other workers bind the same address
 * @throws {LibcError} if the address cannot be bound
 */
export function bindSocket(fd: number, at: Endpoint, shared: boolean): void {
  const { libc, errno } = openLibc();
  if (shared) libc.setsockopt(fd, abi.SOL_SOCKET, abi.SO_REUSEPORT, ONE, 4);
  const name = encodeInet(at.host, at.port);
  if (libc.bind(fd, name, name.length) === 0) return;
  const code = errno[0]!;
  libc.close(fd);
  throw libcError("bind", code);
}

/** How an address is bound. */
export interface LibcBindOptions {
  /** Whether others bind the same address. */
  readonly shared: boolean;
  /** A descriptor of a socket that is already bound to it. */
  readonly inherited?: number | undefined;
}
