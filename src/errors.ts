/**
 * Typed errors. Each has a code, the context it happened in and its cause. Nothing here knows a socket, a
 * configuration file or a log.
 *
 * @module
 */

/** Where an error happened: session or flow id, addresses, target, key path, and the like. */
export type ErrorContext = Readonly<Record<string, string | number | undefined>>;

/** What every error of shunt carries besides its message. */
export interface ErrorDetails {
  /** A stable, machine-readable code, such as `connect_refused`. */
  readonly code: string;
  /** Where it happened. */
  readonly context?: ErrorContext;
  /** What caused it. */
  readonly cause?: unknown;
}

/** The base of shunt's errors. */
export class ShuntError extends Error {
  /** A stable, machine-readable code. */
  readonly code: string;
  /** Where it happened. */
  readonly context: ErrorContext;

  /**
   * @param message What went wrong and what to do: sentence case, active voice, values quoted
   * @param details The code, the context and the cause
   */
  constructor(message: string, details: ErrorDetails) {
    super(message, { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code;
    this.context = details.context ?? {};
  }
}

/** The configuration cannot be used. */
export class ConfigError extends ShuntError {}
/** Detection ended without a result with which the configuration lets the connection continue. */
export class DetectError extends ShuntError {}
/** No target could be found: no route, no address, none available. */
export class ResolveError extends ShuntError {}
/** No target could be reached. */
export class ConnectError extends ShuntError {}
/** A limit refused a session or flow. */
export class LimitError extends ShuntError {}
/** Bytes could not be relayed. */
export class RelayError extends ShuntError {}

/** Returns the message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Returns why a file could not be opened, for people. Deno opens /dev, /proc and /sys only with
 * `--allow-all`, which its own message recommends.
 */
export function fileFault(error: unknown): string {
  const message = messageOf(error);
  return error instanceof Deno.errors.NotCapable && message.startsWith("Requires all access")
    ? "device files cannot be opened"
    : message;
}

/** Returns the stack of anything thrown, or its message if it has none, for the log of a bug. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
