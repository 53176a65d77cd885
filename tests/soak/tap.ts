/**
 * Copies between a connection whose bytes count and one within this process, so that the bytes that TLS
 * sends are counted on both sides of shunt. Knows nothing of TLS.
 *
 * @module
 */

import type { Wire } from "./tally.ts";

/**
 * Copies both ways until both have ended. Where the inner connection breaks, the outer one still ends
 * in order.
 *
 * @param outer The connection to or from shunt
 * @param inner The connection within this process
 * @throws whatever the outer connection broke with
 */
export async function splice(outer: Wire, inner: Deno.Conn): Promise<void> {
  try {
    await Promise.all([inwards(outer, inner), outwards(outer, inner)]);
  } finally {
    outer.close();
    try {
      inner.close();
    } catch {
      // Closed before.
    }
  }
}

async function inwards(outer: Wire, inner: Deno.Conn): Promise<void> {
  let heard = true;
  try {
    for (let chunk = await outer.read(); chunk !== undefined; chunk = await outer.read()) {
      for (let done = 0; heard && done < chunk.length;) {
        try {
          done += await inner.write(chunk.subarray(done));
        } catch {
          heard = false;
        }
      }
    }
  } finally {
    await inner.closeWrite().catch(() => {});
  }
}

async function outwards(outer: Wire, inner: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const count = await inner.read(buffer).catch(() => null);
    if (count === null) break;
    await outer.write(buffer.subarray(0, count));
  }
  await outer.finish();
}
