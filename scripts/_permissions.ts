/**
 * What shunt may do once it is built: the bundle's first line and the binary say the same.
 *
 * @module
 */

/** The variables that shunt and the service manager know; all others do not exist for it. */
const VARIABLES = ["LISTEN_*", "NOTIFY_SOCKET", "WATCHDOG_*", "OTEL_*", "NO_COLOR"];

/**
 * Deno's flags. Read and write know no paths: configuration, ready file and Unix sockets may be
 * anywhere. `ffi` is for libc's sockets, and who may call libc may do what the process's user may.
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
