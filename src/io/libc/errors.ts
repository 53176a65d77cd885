/**
 * The meaning of an errno. Knows no socket.
 *
 * @module
 */

import type { IoFailure } from "../mod.ts";
import * as abi from "./abi.ts";

const MEANINGS: Readonly<Record<number, readonly [name: string, failure: IoFailure]>> = {
  [abi.EPERM]: ["Operation not permitted (EPERM)", "denied"],
  [abi.ENOENT]: ["No such file (ENOENT)", "refused"],
  [abi.EAGAIN]: ["Queue full (EAGAIN)", "not_sent"],
  [abi.ENOMEM]: ["Out of memory (ENOMEM)", "not_sent"],
  [abi.EINVAL]: ["Invalid argument (EINVAL)", "not_sent"],
  [abi.EACCES]: ["Permission denied (EACCES)", "denied"],
  [abi.ENFILE]: ["Too many open files in the system (ENFILE)", "no_descriptors"],
  [abi.EMFILE]: ["Too many open files (EMFILE)", "no_descriptors"],
  [abi.EPIPE]: ["Broken pipe (EPIPE)", "reset"],
  [abi.EMSGSIZE]: ["Message too long (EMSGSIZE)", "not_sent"],
  [abi.EADDRINUSE]: ["Address in use (EADDRINUSE)", "in_use"],
  [abi.EADDRNOTAVAIL]: ["Address not available (EADDRNOTAVAIL)", "unreachable"],
  [abi.ENETDOWN]: ["Network down (ENETDOWN)", "unreachable"],
  [abi.ENETUNREACH]: ["Network unreachable (ENETUNREACH)", "unreachable"],
  [abi.ECONNABORTED]: ["Connection aborted (ECONNABORTED)", "reset"],
  [abi.ECONNRESET]: ["Connection reset by peer (ECONNRESET)", "reset"],
  [abi.ENOBUFS]: ["No buffer space (ENOBUFS)", "not_sent"],
  [abi.ENOTCONN]: ["Not connected (ENOTCONN)", "reset"],
  [abi.ETIMEDOUT]: ["Connection timed out (ETIMEDOUT)", "timed_out"],
  [abi.ECONNREFUSED]: ["Connection refused (ECONNREFUSED)", "refused"],
  [abi.EHOSTDOWN]: ["Host down (EHOSTDOWN)", "host_unreachable"],
  [abi.EHOSTUNREACH]: ["Host unreachable (EHOSTUNREACH)", "host_unreachable"],
};

/**
 * Reports whether an errno means that the connection is broken. After any other (such as EINTR, or a value
 * that the runtime left between the call and the read of errno) the call has to be repeated.
 */
export function isSocketError(errno: number): boolean {
  const failure = MEANINGS[errno]?.[1];
  return failure === "reset" || failure === "refused" || failure === "timed_out" ||
    failure === "unreachable" || failure === "host_unreachable" || failure === "denied";
}

/** A failed system call, or a call on a socket that shunt has closed. */
export class LibcError extends Error {
  readonly failure: IoFailure;

  /**
   * @param call The call that failed
   * @param failure The meaning
   * @param name The errno's name or number
   */
  constructor(call: string, failure: IoFailure, name: string) {
    super(`${name}: ${call}`);
    this.name = "LibcError";
    this.failure = failure;
  }
}

/**
 * Makes the error, not thrown, of a failed call.
 *
 * @param call The function's name
 * @param errno Its errno
 * @returns The error
 */
export function libcError(call: string, errno: number): LibcError {
  const [name, failure] = MEANINGS[errno] ?? [`errno ${errno}`, "other"];
  return new LibcError(call, failure, name);
}

/** Makes the error, not thrown, of a call on a socket that shunt has closed. */
export function closedError(): LibcError {
  return new LibcError("socket", "closed", "closed");
}

/** Returns the meaning of an error of these sockets. */
export function classifyLibc(error: unknown): IoFailure {
  if (error instanceof LibcError) return error.failure;
  if (error instanceof DOMException && error.name === "AbortError") return "timed_out";
  return "other";
}
