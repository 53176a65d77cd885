/**
 * Inspects and changes sockets of this process that libc did not open: Deno's, which reveal neither their
 * descriptor nor the bytes that the kernel has still to send. Knows no stream.
 *
 * @module
 */

import { canonicalHost, unmapHost } from "../../wire/address.ts";
import type { Endpoint } from "../mod.ts";
import * as abi from "./abi.ts";
import { encodeInet, hostAt, portAt, SOCKADDR_BYTES } from "./sockaddr.ts";
import { LibcError } from "./errors.ts";
import {
  address,
  addressLength,
  addressLengthBytes,
  enlargeReceiveBuffer,
  openSocket,
  resetOnClose,
  socketType,
} from "./socket.ts";
import { missingForLibc, openLibc } from "./symbols.ts";

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 1;

/** `struct nlmsghdr`, then `struct inet_diag_req_v2`. */
const HEADER_BYTES = 16;
const REQUEST_BYTES = HEADER_BYTES + 56;
/** Offsets in the request. */
const AT = { family: 16, protocol: 17, states: 20, ports: 24, source: 28, target: 44, cookie: 64 };
/** Offsets in the answer: `struct inet_diag_msg`; ports and addresses lie as in the request. */
const ANSWER = { state: 17, queued: 76 } as const;
/** The state of an address that has a listening socket but no connection. */
const TCP_LISTEN = 10;

const request = new Uint8Array(REQUEST_BYTES);
const requestView = new DataView(request.buffer);
const answer = new Uint8Array(1024);
const answerView = new DataView(answer.buffer);

/** Set if no socket for requests can ever be opened. */
const NEVER = -1;
/** Set while none can be opened for lack of descriptors. */
const LATER = -2;
/** The socket for requests, one per thread. */
let asking: number = LATER;
/** Number of the last request. */
let sequence = 0;
/** Whether the kernel has ever reported a connection. */
let answers = false;

function openAsking(): number {
  if (missingForLibc() !== undefined) return NEVER;
  try {
    return openSocket(abi.AF_NETLINK, abi.SOCK_RAW, NETLINK_SOCK_DIAG);
  } catch (error) {
    return error instanceof LibcError && error.failure === "no_descriptors" ? LATER : NEVER;
  }
}

function fill(local: Endpoint, remote: Endpoint): void {
  request.fill(0);
  requestView.setUint32(0, REQUEST_BYTES, true);
  requestView.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  requestView.setUint16(6, NLM_F_REQUEST, true);
  request[AT.protocol] = abi.IPPROTO_TCP;
  requestView.setUint32(AT.states, 0xffff_ffff, true);
  // Any cookie and any interface.
  requestView.setUint32(AT.cookie, 0xffff_ffff, true);
  requestView.setUint32(AT.cookie + 4, 0xffff_ffff, true);
  for (
    const [{ host, port }, at, portAt] of [[local, AT.source, 0], [remote, AT.target, 2]] as const
  ) {
    const name = encodeInet(plain(host), port);
    request[AT.family] = name[0]!;
    request.set(name[0] === abi.AF_INET ? name.subarray(4, 8) : name.subarray(8, 24), at);
    requestView.setUint16(AT.ports + portAt, port);
  }
}

/** Removes the zone, which is not part of an address's bytes. */
function plain(host: string): string {
  const zone = host.indexOf("%");
  return canonicalHost(unmapHost(zone < 0 ? host : host.slice(0, zone)));
}

/**
 * Returns how many bytes of a connection the other side has not acknowledged, by sock_diag(7).
 *
 * @param local This side's address
 * @param remote The other side's
 * @returns Their number, a sent end counting as one; 0 if the connection is gone, `undefined` if the kernel
 * cannot be asked
 */
export function unsentOf(local: Endpoint, remote: Endpoint): number | undefined {
  if (asking === LATER) asking = openAsking();
  if (asking < 0) return undefined;
  const { libc } = openLibc();
  try {
    fill(local, remote);
  } catch {
    return undefined;
  }
  requestView.setUint32(8, ++sequence, true);
  if (libc.send(asking, request, REQUEST_BYTES, abi.MSG_DONTWAIT) < 0) return undefined;
  do {
    const length = libc.recv(asking, answer, answer.length, abi.MSG_DONTWAIT);
    if (length < HEADER_BYTES + 4) return undefined;
  } while (answerView.getUint32(8, true) !== sequence);
  if (answerView.getUint16(4, true) === SOCK_DIAG_BY_FAMILY) {
    answers = true;
    return answer[ANSWER.state] === TCP_LISTEN ? 0 : answerView.getUint32(ANSWER.queued, true);
  }
  // The connection is gone. A kernel that lacks the sock_diag module answers the same.
  const error = answerView.getInt32(HEADER_BYTES, true);
  return error === -abi.ENOENT && answers ? 0 : undefined;
}

/** Milliseconds between two scans of all descriptors: 20,000 take 12 ms. */
const SCAN_MS = 1000;
/** Numbers without a descriptor in a row that end a scan. The kernel gives the lowest free number. */
const SCAN_GAP = 4096;

let scanned = -Infinity;
/** Descriptors by both ports of their connections. */
let byPorts = new Map<number, number[]>();

function portsKey(local: number, remote: number): number {
  return local * 65_536 + remote;
}

/** Iterates over the sockets of this process that have an address, which {@linkcode address} gets. */
function* addressed(call: "getpeername" | "getsockname"): Generator<number> {
  const { libc, errno } = openLibc();
  for (let fd = 3, gap = 0; gap < SCAN_GAP; fd++) {
    addressLength[0] = SOCKADDR_BYTES;
    if (libc[call](fd, address, addressLengthBytes) < 0) {
      gap = errno[0] === abi.EBADF ? gap + 1 : 0;
      continue;
    }
    gap = 0;
    yield fd;
  }
}

function scan(): void {
  const { libc } = openLibc();
  byPorts = new Map();
  for (const fd of addressed("getpeername")) {
    if (hostAt(address, 0) === "") continue;
    const remote = portAt(address, 0);
    addressLength[0] = SOCKADDR_BYTES;
    if (libc.getsockname(fd, address, addressLengthBytes) < 0) continue;
    const key = portsKey(portAt(address, 0), remote);
    const known = byPorts.get(key);
    if (known === undefined) byPorts.set(key, [fd]);
    else known.push(fd);
  }
}

function isAt({ host, port }: Endpoint): boolean {
  return portAt(address, 0) === port && plain(hostAt(address, 0)) === plain(host);
}

/** Reports whether a descriptor currently belongs to a connection. */
function connects(fd: number, local: Endpoint, remote: Endpoint): boolean {
  const { libc } = openLibc();
  addressLength[0] = SOCKADDR_BYTES;
  if (libc.getpeername(fd, address, addressLengthBytes) < 0 || !isAt(remote)) return false;
  addressLength[0] = SOCKADDR_BYTES;
  return libc.getsockname(fd, address, addressLengthBytes) >= 0 && isAt(local);
}

function find(local: Endpoint, remote: Endpoint): number | undefined {
  const fds = byPorts.get(portsKey(local.port, remote.port));
  return fds?.find((fd) => connects(fd, local, remote));
}

/**
 * Makes closing a connection of this process drop unsent bytes and send a reset. Its descriptor is found by
 * its addresses, which are checked again before the change.
 *
 * @param local This side's address
 * @param remote The other side's
 * @returns Whether it was done; `undefined` if that can only be found out a little later
 */
export function resetForeignOnClose(local: Endpoint, remote: Endpoint): boolean | undefined {
  if (missingForLibc() !== undefined) return false;
  try {
    let fd = find(local, remote);
    if (fd === undefined) {
      const now = performance.now();
      if (now - scanned < SCAN_MS) return undefined;
      scan();
      scanned = now;
      fd = find(local, remote);
    }
    if (fd === undefined) return false;
    resetOnClose(fd);
    return true;
  } catch {
    return false;
  }
}

/**
 * Enlarges the receive buffer of a UDP socket of this process, as libc's own sockets have it. Deno leaves
 * the system's default, which holds a burst of about 90 datagrams of 1,200 bytes.
 *
 * @param local The address that it is bound to
 */
export function enlargeForeignReceiveBuffer(local: Endpoint): void {
  if (missingForLibc() !== undefined) return;
  try {
    for (const fd of addressed("getsockname")) {
      if (isAt(local) && socketType(fd) === abi.SOCK_DGRAM) enlargeReceiveBuffer(fd);
    }
  } catch {
    // The buffer stays as it is.
  }
}

// Opened now, since the first end of a session would otherwise wait 3 ms for it.
try {
  if (missingForLibc() === undefined) openLibc();
} catch {
  // Then nothing can be asked.
}
