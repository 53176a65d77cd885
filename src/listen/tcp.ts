/**
 * The accept loop of a TCP socket. Knows nothing about what happens to a connection.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Io, Stream, StreamListener } from "../io/mod.ts";

const FIRST_BACKOFF_MS = 10;
const LAST_BACKOFF_MS = 1000;
const WARNING_MS = 1000;
const logger = getLogger(["shunt", "listen"]);

/** What an accept loop calls. */
export interface AcceptOptions {
  readonly io: Io;
  /** Takes a connection over; must not throw. */
  readonly onStream: (stream: Stream) => void;
  /** Called if accepting fails; the loop goes on after `backoff` milliseconds. */
  readonly onError: (error: unknown, backoff: number) => void;
}

/**
 * Accepts connections until the listener is closed.
 *
 * @param listener A listening socket
 * @param options What to do with connections and errors
 */
export async function acceptLoop(listener: StreamListener, options: AcceptOptions): Promise<void> {
  let backoff = 0;
  for (;;) {
    try {
      const stream = listener.tryAccept?.() ?? await listener.accept();
      backoff = 0;
      options.onStream(stream);
    } catch (error) {
      if (options.io.classify(error) === "closed") return;
      // A peer that left before it was accepted says nothing about the next one.
      if (options.io.classify(error) === "reset") continue;
      backoff = Math.min(LAST_BACKOFF_MS, Math.max(FIRST_BACKOFF_MS, backoff * 2));
      options.onError(error, backoff);
      await new Promise((resolve) => setTimeout(resolve, backoff));
    }
  }
}

/**
 * Makes a function that logs errors of accepting, once a second at most: if each connection takes the last
 * descriptor and gives it back, accepting fails a hundred times a second.
 *
 * @param listener Returns the listener's name
 * @returns Takes an error and the milliseconds until the next try
 */
export function acceptWarnings(listener: () => string): AcceptOptions["onError"] {
  let errors = 0;
  let warnAt = 0;
  return (error, backoff) => {
    errors++;
    const now = performance.now();
    if (now < warnAt) return;
    warnAt = now + WARNING_MS;
    logger.warn("Cannot accept a connection; trying again", {
      listener: listener(),
      errors,
      backoff_ms: backoff,
      error: String(error),
    });
    errors = 0;
  };
}
