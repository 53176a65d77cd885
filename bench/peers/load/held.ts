/**
 * Load that stays: idle sessions or flows, opened, used and dropped on separate orders, so that
 * memory can be read in between.
 *
 * @module
 */

import { Connections } from "./connections.ts";
import { Batch } from "./datagrams.ts";
import { Inbox } from "./inbox.ts";
import type { Outcome } from "./job.ts";
import { sendRequest } from "./kept.ts";
import { connectUdp, libc, loopback } from "./libc.ts";
import { isResponse, RESPONSE, UDP_REQUEST, UDP_RESPONSE } from "./messages.ts";
import { IN, Poll } from "./poll.ts";

/** Small enough for every receive buffer. */
const WINDOW = 32;
const PATIENCE = 2000;
const SIZE = 64;

let sessions: Connections | undefined;
let flows: number[] = [];

function outcome(done: number): Outcome {
  return { done, seconds: 0, total: done, lost: 0, latencies: null };
}

/**
 * Opens idle sessions.
 *
 * @param port Where to
 * @param count How many
 * @returns How many are open
 * @throws {Error} If one is refused
 */
export function holdSessions(port: number, count: number): Outcome {
  sessions = new Connections(port, count);
  return outcome(count);
}

/**
 * Sends one request on each held session.
 *
 * @returns How many were answered
 * @throws {Error} If an answer is wrong or missing
 */
export function useHeld(): Outcome {
  const { poll, fds } = sessions ?? { poll: new Poll(), fds: [] };
  const inbox = new Inbox();
  for (let at = 0; at < fds.length; at += WINDOW) {
    const window = fds.slice(at, at + WINDOW);
    for (const fd of window) sendRequest(fd, fd);
    for (let came = 0; came < window.length;) {
      const ready = poll.wait(PATIENCE);
      if (ready === 0) throw new Error("An idle session did not answer within 2 s");
      for (let i = 0; i < ready; i++) {
        const fd = poll.fd(i);
        const bytes = inbox.read(fd);
        if (bytes === undefined) throw new Error("An idle session was closed");
        if (bytes.length < RESPONSE.length) inbox.keep(fd, bytes, 0);
        else if (isResponse(bytes, 0, fd)) came++;
        else throw new Error("A response is not the one to its request");
      }
    }
  }
  return outcome(fds.length);
}

/**
 * Opens flows with one datagram and its answer each.
 *
 * @param port Where to
 * @param count How many
 * @returns How many were answered
 * @throws {Error} If one is not answered
 */
export function holdFlows(port: number, count: number): Outcome {
  const poll = new Poll();
  const batch = new Batch(1, SIZE, false);
  const address = loopback(port);
  for (let at = 0; at < count; at += WINDOW) {
    const window: number[] = [];
    for (let i = at; i < Math.min(count, at + WINDOW); i++) window.push(connectUdp(address));
    for (const fd of window) {
      poll.add(fd, IN);
      batch.words.set([UDP_REQUEST, fd]);
      batch.setLength(0, SIZE);
      batch.send(fd, 1);
    }
    for (let came = 0; came < window.length;) {
      const ready = poll.wait(PATIENCE);
      if (ready === 0) throw new Error("A new flow was not answered within 2 s");
      for (let i = 0; i < ready; i++) {
        const fd = poll.fd(i);
        if (batch.receive(fd) !== 1) throw new Error("A new flow was refused");
        if (batch.words[0] !== UDP_RESPONSE || batch.words[1] !== fd) {
          throw new Error("A datagram is not what the backend sent to this flow");
        }
        came++;
      }
    }
    flows.push(...window);
  }
  poll.close();
  return outcome(count);
}

/**
 * Closes whatever is held.
 *
 * @returns How many there were
 */
export function dropHeld(): Outcome {
  const count = flows.length + (sessions?.fds.length ?? 0);
  for (const fd of flows) libc.close(fd);
  flows = [];
  sessions?.close();
  sessions = undefined;
  return outcome(count);
}
