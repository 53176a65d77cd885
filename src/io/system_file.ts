/**
 * Reads what the kernel writes in files below /proc and /sys. Knows how to get there, not what they say.
 *
 * @module
 */

import { missingForLibc, openLibc } from "./libc/symbols.ts";

/** Of open(2), on every Linux. */
const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
/** What is read of a file at the most: the files that are asked for are far shorter. */
const MAX_BYTES = 65_536;

/**
 * Reads a file of the kernel's. Deno shows /proc and /sys only with --allow-all; libc shows them to
 * everyone who may call it.
 *
 * @param path The file, below /proc or /sys
 * @returns Its text, the first 64 KiB at the most; `undefined` if it cannot be read
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
