/**
 * What an errno means to shunt. Knows no socket.
 *
 * @module
 */

import type { IoFailure } from "../mod.ts";
import * as abi from "./abi.ts";

const MEANINGS: Readonly<Record<number, readonly [name: string, failure: IoFailure]>> = {
  [abi.EPERM]: ["EPERM", "unreachable"],
  [abi.ENOENT]: ["ENOENT", "refused"],
  [abi.EAGAIN]: ["EAGAIN", "not_sent"],
  [abi.EACCES]: ["EACCES", "unreachable"],
  [abi.ENFILE]: ["ENFILE", "no_descriptors"],
  [abi.EMFILE]: ["EMFILE", "no_descriptors"],
  [abi.EPIPE]: ["EPIPE", "reset"],
  [abi.EMSGSIZE]: ["EMSGSIZE", "not_sent"],
  [abi.EADDRINUSE]: ["EADDRINUSE", "other"],
  [abi.EADDRNOTAVAIL]: ["EADDRNOTAVAIL", "unreachable"],
  [abi.ENETDOWN]: ["ENETDOWN", "unreachable"],
  [abi.ENETUNREACH]: ["ENETUNREACH", "unreachable"],
  [abi.ECONNABORTED]: ["ECONNABORTED", "reset"],
  [abi.ECONNRESET]: ["ECONNRESET", "reset"],
  [abi.ENOBUFS]: ["ENOBUFS", "not_sent"],
  [abi.ENOTCONN]: ["ENOTCONN", "reset"],
  [abi.ETIMEDOUT]: ["ETIMEDOUT", "timed_out"],
  [abi.ECONNREFUSED]: ["ECONNREFUSED", "refused"],
  [abi.EHOSTDOWN]: ["EHOSTDOWN", "unreachable"],
  [abi.EHOSTUNREACH]: ["EHOSTUNREACH", "unreachable"],
};

/**
 * Tells whether an errno is the socket's own. Others (EINTR, say, or what the runtime left behind
 * between the call and the look at errno) mean that the call is to be made again.
 *
 * @param errno The errno
 * @returns Whether the connection is broken
 */
export function isSocketError(errno: number): boolean {
  const failure = MEANINGS[errno]?.[1];
  return failure === "reset" || failure === "refused" || failure === "timed_out" ||
    failure === "unreachable";
}

/** A system call that failed, or a socket that shunt itself closed. */
export class LibcError extends Error {
  readonly failure: IoFailure;

  /**
   * @param call What failed
   * @param failure What it means
   * @param name The errno's name or number
   */
  constructor(call: string, failure: IoFailure, name: string) {
    super(`${call}: ${name}`);
    this.name = "LibcError";
    this.failure = failure;
  }
}

/**
 * Makes the error of a failed call.
 *
 * @param call The function's name
 * @param errno Its errno
 * @returns The error, not thrown
 */
export function libcError(call: string, errno: number): LibcError {
  const [name, failure] = MEANINGS[errno] ?? [`errno ${errno}`, "other"];
  return new LibcError(call, failure, name);
}

/**
 * Makes the error of a call on a socket that shunt has closed.
 *
 * @returns The error, not thrown
 */
export function closedError(): LibcError {
  return new LibcError("socket", "closed", "closed");
}

/**
 * Tells what an error of these sockets means.
 *
 * @param error Anything thrown
 * @returns Its meaning
 */
export function classifyLibc(error: unknown): IoFailure {
  if (error instanceof LibcError) return error.failure;
  if (error instanceof DOMException && error.name === "AbortError") return "timed_out";
  return "other";
}
