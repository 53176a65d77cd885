/**
 * Sockets that a service manager has bound and passes on at the start: sd_listen_fds(3). Knows descriptors
 * and their addresses, not their listeners.
 *
 * @module
 */

import * as abi from "./abi.ts";
import { openLibc } from "./symbols.ts";
import { decodeSockaddr, SOCKADDR_BYTES } from "./sockaddr.ts";
import { socketType } from "./socket.ts";
import type { Endpoint } from "../mod.ts";

/** The first descriptor that is passed on. */
const FIRST = 3;
/** More than any manager passes on. A broken variable must not make shunt check a million descriptors. */
const MOST = 1024;

/** A socket that was passed on. */
export interface InheritedSocket {
  readonly fd: number;
  readonly transport: "tcp" | "udp";
  readonly local: Endpoint;
}

/**
 * Finds the sockets that were passed on to this process.
 *
 * @param env Reads a variable of the environment
 * @param pid This process
 * @returns The TCP and UDP sockets; other kinds are ignored
 */
export function inheritedSockets(
  env: (name: string) => string | undefined,
  pid: number,
): InheritedSocket[] {
  if (env("LISTEN_PID") !== String(pid)) return [];
  const count = Number(env("LISTEN_FDS") ?? 0);
  if (!Number.isInteger(count) || count < 1) return [];
  const found: InheritedSocket[] = [];
  for (let fd = FIRST; fd < FIRST + Math.min(count, MOST); fd++) {
    const type = socketType(fd);
    const local = localOf(fd);
    if (local === undefined) continue;
    if (type === abi.SOCK_STREAM) found.push({ fd, transport: "tcp", local });
    if (type === abi.SOCK_DGRAM) found.push({ fd, transport: "udp", local });
  }
  return found;
}

/**
 * Duplicates a descriptor that was passed on, so that closing the copy leaves the socket open for others.
 *
 * @param fd The descriptor that was passed on
 * @returns The copy, non-blocking; negative if no descriptor is left
 */
export function adopt(fd: number): number {
  const { libc } = openLibc();
  const own = libc.fcntl(fd, abi.F_DUPFD_CLOEXEC, 0);
  if (own >= 0) libc.fcntl(own, abi.F_SETFL, abi.O_NONBLOCK);
  return own;
}

function localOf(fd: number): Endpoint | undefined {
  const { libc } = openLibc();
  const name = new Uint8Array(128);
  const length = new Int32Array([SOCKADDR_BYTES]);
  if (libc.getsockname(fd, name, new Uint8Array(length.buffer)) < 0) return undefined;
  const family = new DataView(name.buffer).getUint16(0, true);
  return family === abi.AF_INET || family === abi.AF_INET6 ? decodeSockaddr(name) : undefined;
}
