/**
 * Descriptors of sockets: made, bound, asked for their address. Knows not what goes through them.
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

/** Where calls that tell an address put it, for the one call that is under way. */
export const address: Uint8Array<ArrayBuffer> = new Uint8Array(128);
/** The length of {@linkcode address}, in and out. */
export const addressLength: Int32Array<ArrayBuffer> = new Int32Array(1);
/** The same, as calls take it. */
export const addressLengthBytes: Uint8Array<ArrayBuffer> = new Uint8Array(addressLength.buffer);

/**
 * Tells a socket's own address.
 *
 * @param fd The socket
 * @returns Host and port; empty and 0 where it has none
 */
export function localEndpoint(fd: number): Endpoint {
  const { libc } = openLibc();
  addressLength[0] = SOCKADDR_BYTES;
  address.fill(0);
  return libc.getsockname(fd, address, addressLengthBytes) < 0 ? NOWHERE : decodeSockaddr(address);
}

/** `struct linger`: on, and for no time, which makes closing a reset. */
const LINGER_NONE = new Uint8Array(new Int32Array([1, 0]).buffer);

const queued = new Int32Array(1);
const queuedBytes = new Uint8Array(queued.buffer);

/** The kernel caps it at rmem_max: bursts of many clients wait here while another thread runs. */
const RECEIVE_BUFFER = new Uint8Array(new Int32Array([4_194_304]).buffer);

/**
 * Lets the kernel hold more of what has come to a UDP socket and was not received yet.
 *
 * @param fd The socket
 */
export function enlargeReceiveBuffer(fd: number): void {
  openLibc().libc.setsockopt(fd, abi.SOL_SOCKET, abi.SO_RCVBUF, RECEIVE_BUFFER, 4);
}

/**
 * Makes closing a TCP socket drop what was not sent, and tell the other side by a reset.
 *
 * @param fd The socket
 */
export function resetOnClose(fd: number): void {
  openLibc().libc.setsockopt(fd, abi.SOL_SOCKET, abi.SO_LINGER, LINGER_NONE, 8);
}

/**
 * Reports how many bytes of a TCP socket the other side has not acknowledged (tcp(7), `SIOCOUTQ`).
 *
 * @param fd The socket
 * @returns Their number, a sent end counting as one
 */
export function unsentBytes(fd: number): number {
  queued[0] = 0;
  return openLibc().libc.ioctl(fd, abi.SIOCOUTQ, queuedBytes) < 0 ? 0 : queued[0];
}

/**
 * Reports what kind of socket a descriptor is.
 *
 * @param fd The descriptor
 * @returns `SOCK_STREAM` or `SOCK_DGRAM`; -1 if it is no socket
 */
export function socketType(fd: number): number {
  const { libc } = openLibc();
  const value = new Int32Array(1);
  const length = new Int32Array([4]);
  const bytes = [new Uint8Array(value.buffer), new Uint8Array(length.buffer)] as const;
  return libc.getsockopt(fd, abi.SOL_SOCKET, abi.SO_TYPE, ...bytes) < 0 ? -1 : value[0]!;
}

/**
 * Makes a socket with an error in place of a negative number.
 *
 * @param family `AF_INET` and the like
 * @param type `SOCK_STREAM` or `SOCK_DGRAM`
 * @param protocol The protocol's number; the family's own unless given
 * @returns The descriptor, non-blocking and closed on exec
 * @throws {LibcError} when none is left
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
 * @param fd The socket; closed where binding fails
 * @param at Where to
 * @param shared Whether other workers bind the same address
 * @throws {LibcError} when the address cannot be bound
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
  /** A descriptor of a socket that is bound to it already. */
  readonly inherited?: number | undefined;
}
