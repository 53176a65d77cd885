/**
 * Holds openings: does what a step asks for at the client's side, and has a target hear and answer its part.
 * Knows sockets and deadlines; what is said and what answers mean is in `opening/`.
 *
 * @module
 */

import type { Step } from "../../detect/detector.ts";
import { ConnectError } from "../../errors.ts";
import type { Stream } from "../../io/mod.ts";
import { type Answer, type Exchange, MAX_ANSWER } from "../../opening/mod.ts";
import { proxyHeader } from "../../opening/proxy.ts";
import { concatenate, NO_BYTES } from "../../wire/bytes.ts";
import type { Head } from "./head.ts";
import { DEADLINE, type Session, untilDeadline } from "./session.ts";

/**
 * Takes a client's part of a step, and says what it must hear.
 *
 * @param session The session
 * @param head What came of the client
 * @param step What to take and to say
 * @param at Time of the deadline
 * @returns Why the session has to end, if more came than the step takes or the answer is not taken in time
 * @throws {Error} If the client's connection broke
 */
export async function takeStep(
  session: Session,
  head: Head,
  { consumed, says }: Step,
  at: number,
): Promise<"opening_violation" | "opening_timeout" | undefined> {
  if (says.length > 0 && head.length > consumed) return "opening_violation";
  head.skip(consumed);
  return await say(session, session.client, says, at) ? undefined : "opening_timeout";
}

/**
 * Says what a session's targets have to hear before anything of the client's.
 *
 * @param session The session, with its upstream and with what detection wants them to hear
 * @returns The exchanges to hold with each target that is tried
 */
export function openingOf(session: Session): readonly Exchange[] {
  const { upstream, source, destination, client, opening } = session;
  const version = upstream?.config.send_proxy_protocol ?? "off";
  if (version === "off") return opening;
  const says = proxyHeader(version, {
    source,
    destination: destination ?? client.local,
    transport: "tcp",
  });
  return [{ says }, ...opening];
}

/**
 * Holds a session's opening with a target. What no answer is waited for after is left to go with the client's
 * first bytes, in {@linkcode Session.unsaid}.
 *
 * @param session The session, with its opening, upstream and target
 * @param server The connection to the target; closed if it fails
 * @param at Time of the deadline; `connect_timeout` from now unless given
 * @returns The connection, at once if no answer is waited for
 * @throws {ConnectError} If the target refuses, is silent, or says something else; the promise rejects likewise
 */
export function openTarget(
  session: Session,
  server: Stream,
  at?: number,
): Stream | Promise<Stream> {
  let unsaid: Uint8Array = NO_BYTES;
  const { opening } = session;
  // Nothing would end a dialogue of a session that has ended.
  if (session.ended) return server;
  for (let i = 0; i < opening.length; i++) {
    const { says, judge } = opening[i]!;
    unsaid = concatenate(unsaid, says);
    if (judge === undefined) continue;
    const { connect_timeout = 0 } = session.upstream?.config ?? {};
    return exchange(session, server, at ?? performance.now() + connect_timeout);
  }
  session.unsaid = unsaid;
  return server;
}

async function exchange(session: Session, server: Stream, at: number): Promise<Stream> {
  const cancel = () => server.close();
  session.cancel = cancel;
  let unsaid: Uint8Array = NO_BYTES;
  let said = 0;
  try {
    for (const { says, judge } of session.opening) {
      unsaid = concatenate(unsaid, says);
      if (judge === undefined) continue;
      if (!await say(session, server, unsaid, at)) throw failed(session, "opening_timeout");
      said += unsaid.length;
      unsaid = NO_BYTES;
      const answer = await hear(session, server, judge, at);
      if (answer !== "taken") throw failed(session, answer);
    }
    // A dialogue has begun: nothing that follows is to wait for company (Nagle).
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

/** Makes the error of a target that cannot be used; unless the session has ended, that counts against it. */
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

/** Writes all of some bytes; reports whether that was done in time. */
async function say(
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
