/**
 * Load: new connections, some at once, each with one request or ClientHello, its answer and the end
 * of the stream. Every answer must come from the right backend.
 *
 * @module
 */

import { Inbox } from "./inbox.ts";
import { type Job, type Outcome, Stopwatch } from "./job.ts";
import { connectTcp, libc, loopback, SEND } from "./libc.ts";
import {
  HELLOS,
  isResponse,
  LAST_REQUEST,
  REQUEST_NUMBER_AT,
  RESPONSE,
  SERVER_NAMES,
  TLS_ANSWERS,
  writeNumber,
} from "./messages.ts";
import { IN, OUT, Poll } from "./poll.ts";

/**
 * Runs the load.
 *
 * @param job What to do
 * @returns Connections that were answered and ended
 * @throws {Error} If a connection fails or an answer is wrong
 */
export function newConnections(job: Job & { readonly kind: "new" }): Outcome {
  const address = loopback(job.port);
  const poll = new Poll();
  const inbox = new Inbox();
  const numbers: number[] = [];
  const answered: boolean[] = [];
  const open = new Set<number>();
  let next = 0;
  let total = 0;

  function connect(): void {
    const fd = connectTcp(address);
    numbers[fd] = next++;
    answered[fd] = false;
    open.add(fd);
    // On loopback the connection is usually established already, which saves a round through epoll.
    poll.add(fd, ask(fd) ? IN : OUT);
  }

  /** Sends the connection's message; returns whether it could. */
  function ask(fd: number): boolean {
    let message = LAST_REQUEST;
    if (job.hello) message = HELLOS[numbers[fd]! % HELLOS.length]!;
    else writeNumber(message, REQUEST_NUMBER_AT, numbers[fd]!);
    return libc.send(fd, message, message.length, SEND) === message.length;
  }

  /** Reads; returns whether the connection is over. */
  function listen(fd: number): boolean {
    const bytes = inbox.read(fd);
    if (bytes === undefined) {
      if (!answered[fd]) throw new Error("A connection ended without an answer");
      return true;
    }
    if (bytes.length === 0) return false;
    const wanted = job.hello ? helloAnswer(numbers[fd]!) : RESPONSE;
    if (bytes.length < wanted.length) {
      inbox.keep(fd, bytes, 0);
    } else {
      const right = job.hello
        ? bytes[5] === wanted[5] && bytes[wanted.length - 1] === wanted[5]
        : isResponse(bytes, 0, numbers[fd]!);
      if (!right || bytes.length > wanted.length || answered[fd]) {
        throw new Error("The answer on a new connection is wrong");
      }
      answered[fd] = true;
    }
    return false;
  }

  for (let i = 0; i < job.connections; i++) connect();
  const watch = new Stopwatch(job);
  while (watch.running(total)) {
    const ready = poll.wait(100);
    for (let i = 0; i < ready; i++) {
      const fd = poll.fd(i);
      if (poll.events(i) === OUT) {
        if (ask(fd)) poll.modify(fd, IN);
      } else if (listen(fd)) {
        open.delete(fd);
        libc.close(fd);
        total++;
        connect();
      }
    }
  }
  for (const fd of open) libc.close(fd);
  poll.close();
  return watch.outcome(total);
}

function helloAnswer(number: number): Uint8Array<ArrayBuffer> {
  return TLS_ANSWERS[SERVER_NAMES[number % SERVER_NAMES.length]!.backend]!;
}
