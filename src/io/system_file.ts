/**
 * Reads files that the kernel provides below /proc and /sys. Knows how to open them, not what they contain.
 *
 * @module
 */

import { missingForLibc, openLibc } from "./libc/symbols.ts";

/** From open(2), on every Linux. */
const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
/** Bytes that are read of a file at most. The files that are needed are far shorter. */
const MAX_BYTES = 65_536;

/**
 * Reads a file of the kernel. Deno opens /proc and /sys only with --allow-all; libc opens them for any code
 * that may call it.
 *
 * @param path The file, below /proc or /sys
 * @returns Its text, at most the first 64 KiB; `undefined` if it cannot be read
 */
export function readSystemFile(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path).slice(0, MAX_BYTES);
  } catch (error) {
    const denied = error instanceof Deno.errors.NotCapable;
    return denied && missingForLibc() === undefined ? readByLibc(path) : undefined;
  }
}

function readByLibc(path: string): string | undefined {
  const { libc } = openLibc();
  const name = new TextEncoder().encode(`${path}\0`);
  const fd = libc.open(name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return undefined;
  const buffer = new Uint8Array(MAX_BYTES);
  let length = 0;
  while (length < MAX_BYTES) {
    const count = libc.read(fd, buffer.subarray(length), MAX_BYTES - length);
    if (count <= 0) break;
    length += count;
  }
  libc.close(fd);
  return new TextDecoder().decode(buffer.subarray(0, length));
}
