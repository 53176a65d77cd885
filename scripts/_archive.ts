/**
 * Packs a release's files so that the same files give the same bytes: sorted, with one time for all and no
 * owner. Knows no build.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { createTar } from "nanotar";

/** One file of an archive. */
export interface Entry {
  readonly name: string;
  readonly data: Uint8Array<ArrayBuffer>;
  /** Whether it is a program. */
  readonly executable: boolean;
}

/** 1980, the earliest year of ZIP's times. */
const FIRST_ZIP_YEAR = 315_532_800;

function sorted(entries: readonly Entry[]): Entry[] {
  return entries.toSorted((a, b) => a.name < b.name ? -1 : 1);
}

function modeOf({ executable }: Entry): number {
  return executable ? 0o755 : 0o644;
}

/**
 * Packs a `.tar.gz`.
 *
 * @param entries The files
 * @param epoch Their time, in seconds since 1970
 * @returns The archive
 */
export function tarGz(entries: readonly Entry[], epoch: number): Uint8Array {
  const tar = createTar(
    sorted(entries).map((entry) => ({
      name: entry.name,
      data: entry.data,
      attrs: { mode: modeOf(entry).toString(8), mtime: epoch * 1000, uid: 0, gid: 0 },
    })),
  );
  return gzipSync(tar, { level: 9 });
}

/**
 * Packs a `.zip`.
 *
 * @param entries The files
 * @param epoch Their time, in seconds since 1970
 * @returns The archive
 */
export function zip(entries: readonly Entry[], epoch: number): Uint8Array {
  // ZIP has local times: west of Greenwich, 1980 begins a day later.
  const date = new Date(Math.max(epoch, FIRST_ZIP_YEAR) * 1000);
  const local = date.getTime() + date.getTimezoneOffset() * 60_000;
  return zipSync(
    Object.fromEntries(
      sorted(entries).map((entry) => [
        entry.name,
        // The upper half is Unix's mode; 3 marks it as such.
        [entry.data, { mtime: local, os: 3, attrs: modeOf(entry) << 16, level: 9 }],
      ]),
    ),
  );
}
