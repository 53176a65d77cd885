/**
 * Holds detection of HTTP against servers: if one serves the refused name, detection has told that
 * name, or that it could not read one.
 *
 * @module
 */

import { type Detected, Detection, inDoubt } from "../../src/detect/mod.ts";
import { REFUSED, type Server, servesRefused } from "./http_servers.ts";

/** `detect.max_bytes` unless set. */
const MAX_BYTES = 65_536;

/**
 * Detects as a session does whose client sends pieces of a size and then nothing.
 *
 * @param bytes What the client sends
 * @param size Bytes of a piece
 * @returns What is detected
 */
export function detect(bytes: Uint8Array, size: number): Detected {
  const detection = new Detection("tcp", true);
  const limit = Math.min(bytes.length, MAX_BYTES);
  for (let end = Math.min(size, limit);; end = Math.min(end + size, limit)) {
    const detected = detection.stream(bytes.subarray(0, end));
    if (detected !== undefined) return detected;
    if (end === limit) return detection.conclude(limit < bytes.length ? "max_bytes" : "deadline");
  }
}

/**
 * Looks for a way past a route that refuses {@linkcode REFUSED}.
 *
 * @param servers The servers to ask
 * @param version HTTP's major version
 * @param bytes What a client sends
 * @returns What is wrong; `undefined` if nothing is
 */
export async function findWalk(
  servers: readonly Server[],
  version: "1" | "2",
  bytes: Uint8Array,
): Promise<string | undefined> {
  const whole = detect(bytes, bytes.length);
  const said = JSON.stringify(whole);
  for (const size of [1, 7, 1400]) {
    const cut = JSON.stringify(detect(bytes, size));
    if (cut !== said) return `${said} as a whole, ${cut} in pieces of ${size}`;
  }
  if (whole.facts.host === REFUSED && whole.end === undefined) return undefined;
  if (inDoubt(whole).includes("host") || whole.maybe?.includes("http")) return undefined;
  const serve = await Promise.all(servers.map((one) => servesRefused(one, version, bytes)));
  const who = servers.filter((_, i) => serve[i]).map(({ name }) => name);
  return who.length === 0 ? undefined : `${said}, and ${who.join(", ")} serve it`;
}
