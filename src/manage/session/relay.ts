/**
 * Copies bytes both ways between two streams until both have ended. Keeps half-close and counts bytes;
 * knows neither protocols nor routes.
 *
 * @module
 */

import {
  BUFFER_BYTES,
  type BufferClass,
  giveBuffer,
  type LargeClass,
  takeLargeBuffer,
  takeSmallBuffer,
} from "../../io/buffers.ts";
import { messageOf, RelayError } from "../../errors.ts";
import type { Io, Stream } from "../../io/mod.ts";
import type { CloseReason } from "../../observe/reasons.ts";
import type { Clock } from "../clock.ts";
import type { Head } from "./head.ts";
import type { Session } from "./session.ts";
import { NO_BYTES } from "../../wire/bytes.ts";

/** Full reads in a row after which a buffer of 8, 64, 256 KiB grows: bulk gains 1.3 times. */
const GROW_AFTER = [1, 1, 4] as const;
/** Small reads in a row after which a large buffer goes back to its pool. */
const SHRINK_AFTER = 16;

/** What a relay needs besides its session. */
export interface RelayOptions {
  readonly io: Io;
  readonly clock: Clock;
  /** What the target gets first: the bytes read from the client so far. Belongs to the relay from now on. */
  readonly head?: Head | undefined;
  /** Ends the session. */
  readonly end: (session: Session, reason: CloseReason, error?: unknown) => void;
}

/** One direction of a session. */
interface Direction {
  readonly name: "up" | "down";
  readonly from: Stream;
  readonly to: Stream;
  /** Writes made before. */
  readonly writes: number;
}

/**
 * Starts copying both ways. The session ends once both directions have ended.
 *
 * @param server The connection to the target
 */
export function startRelay(session: Session, server: Stream, options: RelayOptions): void {
  session.lastActive = options.clock.now;
  const { head, io } = options;
  const { client } = session;
  if (io.relay !== undefined && takeOver(session, server, options)) return;
  const up = { name: "up", from: client, to: server, writes: 0 } as const;
  if (head === undefined) pump(session, up, options);
  else deliverFirst(session, up, head, options);
  pump(session, { name: "down", from: server, to: client, writes: 0 }, options);
}

function relayError(code: "client_reset" | "target_reset", cause: unknown): RelayError {
  const whose = code === "client_reset" ? "client" : "target";
  const message = `The ${whose}'s connection broke: ${messageOf(cause)}`;
  return new RelayError(message, { code, cause });
}

/** Lets the sockets' own relay take over, and reports whether it does. */
function takeOver(session: Session, server: Stream, options: RelayOptions): boolean {
  const { head, io, clock, end } = options;
  try {
    const first = head?.gather();
    const taken = io.relay?.(session.client, server, {
      progress: session,
      clock,
      first: first?.bytes ?? NO_BYTES,
      ended: first?.ended ?? false,
      onEnd: (outcome, error) =>
        end(session, outcome, outcome === "done" ? undefined : relayError(outcome, error)),
    });
    if (taken !== true) return false;
  } catch (error) {
    end(session, "client_reset", relayError("client_reset", error));
  }
  head?.discard();
  return true;
}

/** Writes all of some bytes, and counts them. */
async function writeAll(
  session: Session,
  { name, to }: Direction,
  bytes: Uint8Array,
  clock: Clock,
): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const count = await to.write(written === 0 ? bytes : bytes.subarray(written));
    written += count;
    // A reader that is slow is not idle.
    session.lastActive = clock.now;
    if (name === "up") session.up += count;
    else session.down += count;
  }
}

/** Delivers the head, and what a read that outlived its deadline brings. */
async function deliverFirst(
  session: Session,
  direction: Direction,
  head: Head,
  options: RelayOptions,
): Promise<void> {
  const { clock } = options;
  const { buffer, bytes, end, pending } = head;
  let side: "from" | "to" = "to";
  let { ended } = head;
  try {
    head.release();
    await writeAll(session, direction, bytes, clock);
    if (pending !== undefined) {
      side = "from";
      const read = await pending;
      side = "to";
      if (read === null) ended = true;
      else await writeAll(session, direction, buffer.subarray(end, end + read), clock);
    }
    if (ended) await endDirection(session, direction, options);
  } catch (error) {
    ended = true;
    breakDirection(session, direction, side, error, options);
  }
  // A write that failed may leave the late read under way, and the buffer in use.
  head.discard();
  if (!ended) pump(session, { ...direction, writes: 1 }, options);
}

async function pump(session: Session, direction: Direction, options: RelayOptions): Promise<void> {
  const { clock } = options;
  const { from, to } = direction;
  const up = direction.name === "up";
  let { writes } = direction;
  let buffer = takeSmallBuffer();
  let size: BufferClass = 0;
  let side: "from" | "to" = "from";
  let fullReads = 0;
  let smallReads = 0;
  try {
    for (;;) {
      side = "from";
      const read = await from.read(buffer);
      if (read === null) break;
      // The first write may wait for more bytes (Nagle); a second one shows a dialogue.
      if (++writes === 2) to.setNoDelay();
      side = "to";
      let written = 0;
      while (written < read) {
        const whole = written === 0 && read === buffer.length;
        const count = await to.write(whole ? buffer : buffer.subarray(written, read));
        written += count;
        session.lastActive = clock.now;
        if (up) session.up += count;
        else session.down += count;
      }
      if (read === buffer.length) {
        smallReads = 0;
        if (size < 3 && ++fullReads >= GROW_AFTER[size as 0 | 1 | 2]) {
          fullReads = 0;
          const next = (size + 1) as LargeClass;
          const larger = takeLargeBuffer(next);
          if (larger !== undefined) {
            giveBuffer(size, buffer);
            buffer = larger;
            size = next;
          }
        }
      } else if (size > 0) {
        smallReads = read <= BUFFER_BYTES[0] ? smallReads + 1 : 0;
        if (smallReads >= SHRINK_AFTER) {
          giveBuffer(size, buffer);
          size = 0;
          buffer = takeSmallBuffer();
          smallReads = 0;
        }
      }
    }
    side = "to";
    await endDirection(session, direction, options);
  } catch (error) {
    breakDirection(session, direction, side, error, options);
  }
  giveBuffer(size, buffer);
}

/** Passes on that one side has ended in order, or ends the session after the second. */
async function endDirection(
  session: Session,
  { to }: Direction,
  options: RelayOptions,
): Promise<void> {
  if (++session.endedDirections === 2) options.end(session, session.failure ?? "done");
  // If this fails the connection is broken, which its own read reports.
  else await to.closeWrite().catch(() => {});
}

/** Ends a direction that broke. Whether the read or the write failed shows which connection is gone. */
function breakDirection(
  session: Session,
  { name }: Direction,
  side: "from" | "to",
  error: unknown,
  options: RelayOptions,
): void {
  const clientBroke = (name === "up") === (side === "from");
  if (clientBroke) {
    options.end(session, "client_reset", relayError("client_reset", error));
  } else if (side === "from" || ++session.endedDirections === 2) {
    options.end(session, "target_reset", relayError("target_reset", error));
  } else {
    // The target takes no more, but what it has sent (an early answer, say) still goes down.
    session.failure = "target_reset";
  }
}
