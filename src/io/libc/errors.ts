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
  [abi.EACCES]: ["EACCES", "unreachable"],
  [abi.ENFILE]: ["ENFILE", "no_descriptors"],
  [abi.EMFILE]: ["EMFILE", "no_descriptors"],
  [abi.EPIPE]: ["EPIPE", "reset"],
  [abi.EMSGSIZE]: ["EMSGSIZE", "other"],
  [abi.EADDRINUSE]: ["EADDRINUSE", "other"],
  [abi.EADDRNOTAVAIL]: ["EADDRNOTAVAIL", "unreachable"],
  [abi.ENETDOWN]: ["ENETDOWN", "unreachable"],
  [abi.ENETUNREACH]: ["ENETUNREACH", "unreachable"],
  [abi.ECONNABORTED]: ["ECONNABORTED", "reset"],
  [abi.ECONNRESET]: ["ECONNRESET", "reset"],
  [abi.ENOBUFS]: ["ENOBUFS", "no_descriptors"],
  [abi.ENOTCONN]: ["ENOTCONN", "reset"],
  [abi.ETIMEDOUT]: ["ETIMEDOUT", "timed_out"],
  [abi.ECONNREFUSED]: ["ECONNREFUSED", "refused"],
  [abi.EHOSTDOWN]: ["EHOSTDOWN", "unreachable"],
  [abi.EHOSTUNREACH]: ["EHOSTUNREACH", "unreachable"],
};

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
