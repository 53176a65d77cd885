/**
 * The functions of libc that shunt calls. Knows their signatures, not when to call them.
 *
 * @module
 */

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  // size_t and ssize_t as 32 bits: lengths here stay far below 2^31, and 64 bits would be bigints. Both
  // ABIs zero-extend a 32-bit argument.
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "u32", "i32", "buffer", "u32"], result: "i32" },
  recvmmsg: { parameters: ["i32", "pointer", "u32", "i32", "pointer"], result: "i32" },
  sendmmsg: { parameters: ["i32", "pointer", "u32", "i32"], result: "i32" },
  // Variadic, which changes nothing for integers in either ABI.
  open: { parameters: ["buffer", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // The request is an unsigned long, but shunt's values fit 32 bits.
  ioctl: { parameters: ["i32", "u32", "buffer"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  inotify_init1: { parameters: ["i32"], result: "i32" },
  inotify_add_watch: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  inotify_rm_watch: { parameters: ["i32", "i32"], result: "i32" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions, as Deno provides them. */
export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Returns why libc sockets are not available here, or `undefined` if they are. */
export function missingForLibc(): string | undefined {
  const { os, arch, target } = Deno.build;
  if (os !== "linux") return `they need Linux, and this is ${os}`;
  if (arch !== "x86_64" && arch !== "aarch64") return `they need x86-64 or aarch64, not ${arch}`;
  if (!target.endsWith("gnu")) return `they need glibc, and this Deno is built for ${target}`;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
    return "they need permission to call it: --allow-ffi";
  }
  return undefined;
}

/** libc, opened once per thread. */
let opened: { readonly libc: Libc; readonly errno: Int32Array } | undefined;

/**
 * Opens libc for this thread.
 *
 * @returns The functions, and a view of the thread's `errno`
 * @throws {Error} if the library cannot be opened; see {@linkcode missingForLibc}
 */
export function openLibc(): { readonly libc: Libc; readonly errno: Int32Array } {
  if (opened !== undefined) return opened;
  const { symbols } = Deno.dlopen("libc.so.6", SYMBOLS);
  const location = symbols.__errno_location();
  if (location === null) throw new Error("libc gives no errno location");
  const errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(location, 4));
  return opened = { libc: symbols, errno };
}
