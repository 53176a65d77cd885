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
