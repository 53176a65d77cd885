/**
 * What real clients sent, from tests/testdata/, by protocol. A file belongs to the protocol with whose
 * name its own begins, so a new protocol only adds its files. Empty lines part the datagrams of a flow.
 *
 * @module
 */

import type { Detector } from "../../../src/detect/detector.ts";
import { DETECTORS } from "../../../src/detect/mod.ts";

const FOLDER = new URL("../../testdata/", import.meta.url);

/** A client's first bytes: of a session one piece, of a flow its datagrams. */
export interface Vector {
  readonly name: string;
  readonly transport: "tcp" | "udp";
  readonly parts: readonly Uint8Array[];
}

function read(name: string): readonly Uint8Array[] {
  const text = Deno.readTextFileSync(new URL(`${name}.hex`, FOLDER));
  return text.trim().split(/\n\s*\n/).map((part) => Uint8Array.fromHex(part.replace(/\s/g, "")));
}

/**
 * Reads the bytes that a real client sent.
 *
 * @param name File in tests/testdata/ without extension
 * @returns The bytes; of several datagrams the first
 */
export function capture(name: string): Uint8Array {
  return read(name)[0]!;
}

/**
 * Returns the names of all files with bytes that clients sent.
 *
 * @returns Names without extension, in order
 */
export function captureNames(): readonly string[] {
  return [...Deno.readDirSync(FOLDER)].map(({ name }) => name)
    .filter((name) => name.endsWith(".hex")).map((name) => name.slice(0, -".hex".length)).sort();
}

/**
 * Returns the detector that a file belongs to: the one with the longest name that it begins with.
 *
 * @param file A name from {@linkcode captureNames}
 * @returns The detector, or `undefined` if no name fits
 */
export function ownerOf(file: string): Detector | undefined {
  return DETECTORS.filter(({ name }) => file.startsWith(name))
    .toSorted((a, b) => b.name.length - a.name.length)[0];
}

/**
 * Returns what a protocol's clients sent.
 *
 * @param detector The protocol's detector; with both transports, `_udp` in a file's name makes it a flow
 * @returns The vectors, one for each file
 */
export function vectorsOf(detector: Detector): readonly Vector[] {
  return captureNames().filter((name) => ownerOf(name) === detector).map((name) => {
    const udp = detector.tcp === undefined || (detector.udp !== undefined && name.includes("_udp"));
    return { name, transport: udp ? "udp" : "tcp", parts: read(name) };
  });
}
