/**
 * Has a target hear and answer its side of an opening, within a deadline. Knows sockets; what is said and what
 * answers mean is in `opening/`.
 *
 * @module
 */

import { ConnectError } from "../../errors.ts";
import type { Stream } from "../../io/mod.ts";
import { type Answer, MAX_ANSWER } from "../../opening/mod.ts";
import { concatenate, NO_BYTES } from "../../wire/bytes.ts";
import { DEADLINE, type Session, untilDeadline } from "./session.ts";

/**
 * Holds a session's opening with a target. Bytes that need no answer stay in {@linkcode Session.unsaid}, and
 * are sent with the client's first bytes.
 *
 * @param session The session, with its opening, upstream and target
 * @param server The connection to the target; closed if it fails
 * @param at Time of the deadline; `connect_timeout` from now unless given
 * @returns The connection, without a promise if there is nothing to hold
 * @throws {ConnectError} If the target refuses, is silent, or says something else: the promise rejects
 */
export function openTarget(
  session: Session,
  server: Stream,
  at?: number,
): Stream | Promise<Stream> {
  // Nothing would end a dialogue of a session that has ended.
  if (session.opening.length === 0 || session.ended) return server;
  return hold(session, server, at ?? performance.now() + session.upstream!.config.connect_timeout);
}

async function hold(session: Session, server: Stream, at: number): Promise<Stream> {
  const cancel = () => server.close();
  session.cancel = cancel;
  // A built-in target knows no dialogue: it does to the client's bytes what it does to all.
  const isBuiltin = session.target?.address.kind === "builtin";
  let { unsaid } = session;
  let said = 0;
  try {
    for (const { says, judge } of session.opening) {
      if (isBuiltin && judge !== undefined) continue;
      unsaid = concatenate(unsaid, says);
      if (judge === undefined) continue;
      if (!await say(session, server, unsaid, at)) throw failed(session, "opening_timeout");
      said += unsaid.length;
      unsaid = NO_BYTES;
      const answer = await hear(session, server, judge, at);
      if (answer !== "taken") throw failed(session, answer);
    }
    // A dialogue has begun: no write that follows may wait for more bytes (Nagle).
    server.setNoDelay();
    session.up += said;
    session.unsaid = unsaid;
    return server;
  } catch (error) {
    server.close();
    throw error instanceof ConnectError ? error : failed(session, "opening_refused", error);
  } finally {
    if (session.cancel === cancel) session.cancel = undefined;
  }
}

const FAILURES = {
  opening_timeout: "silent for connect_timeout",
  opening_refused: "it refuses, or closes the connection",
  opening_violation: "not an answer, or more than one",
} as const;

/** Makes the error for a target that cannot be used, and counts a failure of it unless the session has ended. */
function failed(session: Session, code: keyof typeof FAILURES, cause?: unknown): ConnectError {
  const { id, ended, target, upstream } = session;
  if (!ended) target?.failed("session");
  return new ConnectError(
    `Cannot hold the opening with target "${target?.name}": ${FAILURES[code]}`,
    {
      code,
      context: { session: id, upstream: upstream?.name, target: target?.name },
      cause,
    },
  );
}

/**
 * Writes all of some bytes to a client or a target, and reports whether that was done in time.
 *
 * @throws {Error} if the connection broke
 */
export async function say(
  session: Session,
  stream: Stream,
  bytes: Uint8Array,
  at: number,
): Promise<boolean> {
  for (let said = 0; said < bytes.length;) {
    const count = await untilDeadline(session, stream.write(bytes.subarray(said)), at);
    if (count === DEADLINE) return false;
    said += count;
  }
  return true;
}

/** Reads a target's answer, as far as it takes to judge it. */
async function hear(
  session: Session,
  server: Stream,
  judge: (heard: Uint8Array) => Answer,
  at: number,
): Promise<"taken" | keyof typeof FAILURES> {
  const buffer = new Uint8Array(MAX_ANSWER);
  for (let heard = 0; heard < MAX_ANSWER;) {
    const count = await untilDeadline(session, server.read(buffer.subarray(heard)), at);
    if (count === DEADLINE) return "opening_timeout";
    if (count === null) return "opening_refused";
    heard += count;
    const answer = judge(buffer.subarray(0, heard));
    if (answer === "taken") return answer;
    if (answer !== "need_more") return `opening_${answer}`;
  }
  return "opening_violation";
}
