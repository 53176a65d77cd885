/**
 * The permissions of a built shunt, used by the bundle's first line and the binary.
 *
 * @module
 */

/** The variables of shunt and the service manager; shunt does not see any others. */
const VARIABLES = ["LISTEN_*", "NOTIFY_SOCKET", "WATCHDOG_*", "OTEL_*", "NO_COLOR"];

/**
 * Deno's flags. Read and write have no paths, since configuration, ready file and Unix sockets may be
 * anywhere. `ffi` is for libc's sockets; code that may call libc may do everything that the process's user
 * may.
 */
export const FLAGS: readonly string[] = [
  // A young generation of 3 MiB instead of up to 48: a flow takes 3 KiB instead of 5, at the same speed.
  "--v8-flags=--max-semi-space-size=1",
  "--no-prompt",
  "--unstable-net",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  `--allow-env=${VARIABLES.join(",")}`,
  "--ignore-env",
  "--allow-ffi",
  "--deny-import",
];
