/**
 * Copies bytes both ways between two streams until both have ended. Keeps half-close and counts;
 * knows neither protocols nor routes.
 *
 * @module
 */

import { BUFFER_BYTES, type BufferClass, giveBuffer, takeBuffer } from "../io/buffers.ts";
import type { Io, Stream } from "../io/mod.ts";
import type { CloseReason } from "../observe/counters.ts";
import type { Clock } from "./clock.ts";
import type { Head } from "./head.ts";
import type { Session } from "./session.ts";

/** Full reads in a row after which a buffer of 64 KiB, 256 KiB grows: bulk gains 1.3 times. */
const GROW_AFTER = [1, 4] as const;
/** Small reads in a row after which a large buffer goes back to its pool. */
const SHRINK_AFTER = 16;

const NOTHING = new Uint8Array();

/** What a relay needs beside its session. */
export interface RelayOptions {
  readonly io: Io;
  readonly clock: Clock;
  /** What was read of the client before, in the buffer to go on with. */
  readonly head?: Head | undefined;
  /** Ends the session. */
  readonly end: (session: Session, reason: CloseReason, error?: unknown) => void;
}

/** One direction of a session. */
interface Direction {
  readonly name: "up" | "down";
  readonly from: Stream;
  readonly to: Stream;
  readonly buffer: Uint8Array;
  readonly size: BufferClass;
  /** Writes made before. */
  readonly writes: number;
}

/**
 * Writes all of some bytes.
 *
 * @param to Where to
 * @param bytes The bytes
 * @throws {Error} when the connection broke
 */
export async function writeAll(to: Stream, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await to.write(written === 0 ? bytes : bytes.subarray(written));
  }
}

/**
 * Starts copying both ways; the session ends by itself when both directions have.
 *
 * @param session The session, with `server` connected
 * @param server The connection to the target
 * @param options Clock, closing path, and what was read of the client before
 */
export function startRelay(session: Session, server: Stream, options: RelayOptions): void {
  session.lastActive = options.clock.now;
  const { head, io, clock, end } = options;
  const taken = io.relay?.(session.client, server, {
    progress: session,
    now: () => clock.now,
    first: head?.bytes ?? NOTHING,
    ended: head?.ended ?? false,
    onEnd: (outcome, error) => end(session, outcome, error),
  });
  if (taken === true) {
    head?.discard();
    return;
  }
  if (head === undefined) {
    pump(session, { name: "up", from: session.client, to: server, ...freshBuffer() }, options);
  } else {
    deliverHead(session, server, head, options);
  }
  pump(session, { name: "down", from: server, to: session.client, ...freshBuffer() }, options);
}

function freshBuffer(): Pick<Direction, "buffer" | "size" | "writes"> {
  return { buffer: takeBuffer(0), size: 0, writes: 0 };
}

/** Delivers what detection read, and what a read that outlived its deadline still brings. */
async function deliverHead(
  session: Session,
  server: Stream,
  head: Head,
  options: RelayOptions,
): Promise<void> {
  const { buffer, size, length, pending } = head;
  let side: "from" | "to" = "to";
  let ended = head.ended;
  head.release();
  try {
    if (length > 0) {
      await writeAll(server, buffer.subarray(0, length));
      session.up += length;
    }
    if (pending !== undefined) {
      side = "from";
      const read = await pending;
      session.lastActive = options.clock.now;
      side = "to";
      if (read === null) ended = true;
      else {
        await writeAll(server, buffer.subarray(length, length + read));
        session.up += read;
      }
    }
    if (ended) {
      giveBuffer(size, buffer);
      await endDirection(session, server, options);
      return;
    }
  } catch (error) {
    // A write that failed leaves the late read under way, and the buffer in use.
    const give = () => giveBuffer(size, buffer);
    if (pending === undefined) give();
    else pending.then(give, give);
    breakDirection(session, "up", side, error, options);
    return;
  }
  pump(
    session,
    { name: "up", from: session.client, to: server, buffer, size, writes: 1 },
    options,
  );
}

async function pump(session: Session, direction: Direction, options: RelayOptions): Promise<void> {
  const { clock } = options;
  const { name, from, to } = direction;
  let { buffer, size, writes } = direction;
  let side: "from" | "to" = "from";
  let fullReads = 0;
  let smallReads = 0;
  try {
    for (;;) {
      side = "from";
      const read = await from.read(buffer);
      if (read === null) break;
      session.lastActive = clock.now;
      // The first write may wait for company (Nagle); a second one shows a dialogue.
      if (++writes === 2) to.setNoDelay();
      side = "to";
      let written = await to.write(read === buffer.length ? buffer : buffer.subarray(0, read));
      while (written < read) written += await to.write(buffer.subarray(written, read));
      if (name === "up") session.up += read;
      else session.down += read;
      if (read === buffer.length) {
        smallReads = 0;
        if (size < 2 && ++fullReads >= GROW_AFTER[size as 0 | 1]) {
          giveBuffer(size, buffer);
          size = size === 0 ? 1 : 2;
          buffer = takeBuffer(size);
          fullReads = 0;
        }
      } else if (size > 0) {
        smallReads = read <= BUFFER_BYTES[0] ? smallReads + 1 : 0;
        if (smallReads >= SHRINK_AFTER) {
          giveBuffer(size, buffer);
          size = 0;
          buffer = takeBuffer(size);
          smallReads = 0;
        }
      }
    }
    side = "to";
    await endDirection(session, to, options);
  } catch (error) {
    breakDirection(session, name, side, error, options);
  }
  giveBuffer(size, buffer);
}

/** One side has ended in order: tell the other, or end the session after the second. */
async function endDirection(session: Session, to: Stream, options: RelayOptions): Promise<void> {
  if (++session.endedDirections === 2) options.end(session, session.failure ?? "done");
  // Where this fails the connection is broken, which its own read reports.
  else await to.closeWrite().catch(() => {});
}

/** One direction broke. Whether a read or a write did tells which connection is gone. */
function breakDirection(
  session: Session,
  direction: "up" | "down",
  side: "from" | "to",
  error: unknown,
  options: RelayOptions,
): void {
  const clientBroke = (direction === "up") === (side === "from");
  if (clientBroke) {
    options.end(session, "client_reset", error);
  } else if (side === "from" || ++session.endedDirections === 2) {
    options.end(session, "target_reset", error);
  } else {
    // The target takes no more, but what it has sent (an early answer, say) still goes down.
    session.failure = "target_reset";
  }
}
