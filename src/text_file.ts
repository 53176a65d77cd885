/**
 * Reads files that users name, within limits: reading ends, whatever the path leads to. Knows nothing about
 * their content.
 *
 * @module
 */

import { inTime } from "./within.ts";

/** Bytes; far more than any configuration has. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Milliseconds until a file must be open; a pipe without a writer never is. */
const OPEN_MS = 5000;
/** Milliseconds in which the whole file must arrive. */
const READ_MS = 30_000;
const PART_BYTES = 65_536;

/** What may be read, and how much. */
export interface ReadOptions {
  /** Whether a pipe or a terminal may be read too, such as a shell's `<(command)`; `false` by default. */
  readonly pipe?: boolean;
  /** Maximum bytes; 64 MiB by default. */
  readonly most?: number;
}

/** Reads a text file. Takes and throws what {@linkcode readFile} does. */
export async function readTextFile(path: string, options: ReadOptions = {}): Promise<string> {
  return new TextDecoder().decode(await readFile(path, options));
}

/**
 * Reads a file.
 *
 * @throws {Error} if it is not a file, too long, or does not arrive in time
 */
export async function readFile(
  path: string,
  { pipe = false, most = MAX_BYTES }: ReadOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const late = new Error(`"${path}": nothing came within ${OPEN_MS / 1000} s; is it a pipe?`);
  const info = await inTime(Deno.stat(path), OPEN_MS, late);
  if (!info.isFile && !(pipe && (info.isFifo || info.isCharDevice))) {
    throw new Error(`"${path}" is not a file`);
  }
  const tooLong = new Error(`"${path}" is longer than ${most} bytes`);
  if (info.size > most) throw tooLong;
  // It may have become a pipe meanwhile.
  using file = await inTime(Deno.open(path), OPEN_MS, late, (file) => file.close());
  const slow = new Error(`"${path}": it did not end within ${READ_MS / 1000} s`);
  return await inTime(readAll(file, { size: info.size, most, tooLong }), READ_MS, slow);
}

async function readAll(
  file: Deno.FsFile,
  { size, most, tooLong }: {
    readonly size: number;
    readonly most: number;
    readonly tooLong: Error;
  },
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(size + 1);
  let length = 0;
  for (;;) {
    const count = await file.read(bytes.subarray(length));
    if (count === null) return bytes.subarray(0, length);
    length += count;
    if (length > most) throw tooLong;
    if (length < bytes.length) continue;
    const more = new Uint8Array(Math.min(most + 1, 2 * length + PART_BYTES));
    more.set(bytes);
    bytes = more;
  }
}
