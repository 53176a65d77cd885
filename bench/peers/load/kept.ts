/**
 * Load: requests on kept connections, one at a time on each. Every response must carry its
 * request's number.
 *
 * @module
 */

import { Connections } from "./connections.ts";
import { Inbox } from "./inbox.ts";
import { type Job, type Outcome, Stopwatch } from "./job.ts";
import { libc, must, SEND } from "./libc.ts";
import { isResponse, KEPT_REQUEST, REQUEST_NUMBER_AT, RESPONSE, writeNumber } from "./messages.ts";

/**
 * Sends a numbered request that keeps its connection.
 *
 * @param fd The connection
 * @param number The request's number
 * @throws {Error} If it cannot be sent
 */
export function sendRequest(fd: number, number: number): void {
  writeNumber(KEPT_REQUEST, REQUEST_NUMBER_AT, number);
  must("send a request", libc.send(fd, KEPT_REQUEST, KEPT_REQUEST.length, SEND));
}

/**
 * Runs the load.
 *
 * @param job What to do
 * @returns Requests answered
 * @throws {Error} If an answer is wrong or a connection ends
 */
export function kept(job: Job & { readonly kind: "bulk" | "kept" }): Outcome {
  const connections = new Connections(job.port, job.connections);
  const { poll, fds } = connections;
  const inbox = new Inbox();
  const numbers: number[] = [];
  let next = 0;
  for (const fd of fds) sendRequest(fd, numbers[fd] = next++);
  const watch = new Stopwatch(job);
  let total = 0;
  while (watch.running(total)) {
    const ready = poll.wait(100);
    for (let i = 0; i < ready; i++) {
      const fd = poll.fd(i);
      const bytes = inbox.read(fd);
      if (bytes === undefined) throw new Error("A kept connection ended");
      if (bytes.length < RESPONSE.length) {
        inbox.keep(fd, bytes, 0);
        continue;
      }
      if (bytes.length > RESPONSE.length || !isResponse(bytes, 0, numbers[fd] ?? -1)) {
        throw new Error("A response is not the one to its request");
      }
      total++;
      sendRequest(fd, numbers[fd] = next++);
    }
  }
  connections.close();
  return watch.outcome(total);
}
