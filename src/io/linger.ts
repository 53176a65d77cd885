/**
 * Closes connections whose last bytes are still on their way. Knows no session.
 *
 * @module
 */

import { type BufferClass, giveBuffer, takeSmallBuffer } from "./buffers.ts";
import type { Stream } from "./mod.ts";

/** Connections at once; the rest is closed at once. They hold descriptors that no limit counts. */
const MAX_LINGERING = 32;
const LINGER_MS = 1000;
const SMALL: BufferClass = 0;

/** What cuts short each connection that lingers. */
export type Lingering = Set<() => void>;

/**
 * Closes a connection so that what was written to it arrives. The kernel answers bytes that nobody has
 * read by a reset, which takes what is still to be sent with it: an early answer to a long upload, say
 * (RFC 9112 §9.6). So the end is sent, and what comes is read for a second, or until the other side ends.
 *
 * @param stream The connection
 * @param lingering Those that linger
 */
export function closeGently(stream: Stream, lingering: Lingering): void {
  stream.closeWrite().catch(() => {});
  if (lingering.size >= MAX_LINGERING) return stream.close();
  const end = () => {
    clearTimeout(timer);
    lingering.delete(end);
    stream.close();
  };
  const timer = setTimeout(end, LINGER_MS);
  lingering.add(end);
  readToEnd(stream).then(end, end);
}

async function readToEnd(stream: Stream): Promise<void> {
  const buffer = takeSmallBuffer();
  try {
    while (await stream.read(buffer) !== null);
  } finally {
    giveBuffer(SMALL, buffer);
  }
}
