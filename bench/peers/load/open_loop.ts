/**
 * Load at a fixed rate, whatever comes back: requests on kept connections, or datagrams. Time counts from
 * when a request was due, so that a stall delays all requests that were due during it.
 *
 * @module
 */

import { Connections } from "./connections.ts";
import { Batch } from "./datagrams.ts";
import { Inbox } from "./inbox.ts";
import type { OpenLoop, Outcome } from "./job.ts";
import { sendRequest } from "./kept.ts";
import { connectUdp, libc, loopback } from "./libc.ts";
import { isResponse, RESPONSE, UDP_REQUEST, UDP_RESPONSE } from "./messages.ts";
import { IN, Poll } from "./poll.ts";
import { Ticker } from "./ticker.ts";

/** How long the last answers may take. */
const DRAIN = 500;

/** Sends request `n`; reads what came and calls `answered` with each one's number. */
interface Wire {
  readonly poll: Poll;
  send(n: number): void;
  receive(fd: number, answered: (n: number) => void): void;
  close(): void;
}

function tcpWire(job: OpenLoop): Wire {
  const connections = new Connections(job.port, job.connections);
  const { poll, fds } = connections;
  const inbox = new Inbox();
  // Request n goes over connection n mod count, so each connection's answers have a known order.
  const expected: number[] = [];
  for (const [i, fd] of fds.entries()) expected[fd] = i;
  return {
    poll,
    send: (n) => sendRequest(fds[n % fds.length]!, n),
    receive(fd, answered) {
      const bytes = inbox.read(fd);
      if (bytes === undefined) throw new Error("A kept connection ended");
      let at = 0;
      for (; at + RESPONSE.length <= bytes.length; at += RESPONSE.length) {
        const n = expected[fd]!;
        if (!isResponse(bytes, at, n)) throw new Error("A response is not the one to its request");
        answered(n);
        expected[fd] = n + fds.length;
      }
      inbox.keep(fd, bytes, at);
    },
    close: () => connections.close(),
  };
}

function udpWire(job: OpenLoop): Wire {
  const poll = new Poll();
  const fds = Array.from({ length: job.connections }, () => connectUdp(loopback(job.port)));
  for (const fd of fds) poll.add(fd, IN);
  const out = new Batch(1, job.size, false);
  const slot = job.size + 4;
  const input = new Batch(16, slot, false);
  return {
    poll,
    send(n) {
      out.words.set([UDP_REQUEST, n]);
      out.setLength(0, job.size);
      out.send(fds[n % fds.length]!, 1);
    },
    receive(fd, answered) {
      const count = input.receive(fd);
      for (let i = 0, at = 0; i < count; i++, at += slot / 4) {
        const n = input.words[at + 1]!;
        if (
          input.words[at] !== UDP_RESPONSE || input.length(i) !== job.size ||
          fds[n % fds.length] !== fd
        ) throw new Error("A datagram is not what the backend sent to this flow");
        answered(n);
      }
    },
    close() {
      for (const fd of fds) libc.close(fd);
      poll.close();
    },
  };
}

/**
 * Runs the load.
 *
 * @param job What to do
 * @param transport Over what
 * @returns Answers, losses and how long answers took
 * @throws {Error} If an answer is wrong, or missing on TCP
 */
export function openLoop(job: OpenLoop, transport: "tcp" | "udp"): Outcome {
  const wire = transport === "tcp" ? tcpWire(job) : udpWire(job);
  const { poll } = wire;
  const warm = Math.round(job.warm * job.rate);
  const count = warm + Math.round(job.seconds * job.rate);
  const gap = 1000 / job.rate;
  const took = new Float64Array(count).fill(-1);
  const ticker = new Ticker(gap);
  poll.add(ticker.fd, IN);
  const start = performance.now() + 1;
  let sent = 0;
  let came = 0;
  let now = start;
  const answered = (n: number) => {
    if (n >= sent || took[n]! >= 0) throw new Error("An answer came twice or unasked");
    took[n] = now - (start + n * gap);
    came++;
  };
  const end = start + count * gap + DRAIN;
  while (came < count && now < end) {
    const ready = poll.wait(50);
    now = performance.now();
    for (let i = 0; i < ready; i++) {
      const fd = poll.fd(i);
      if (fd === ticker.fd) ticker.clear();
      else wire.receive(fd, answered);
    }
    for (; sent < count && start + sent * gap <= now; sent++) wire.send(sent);
  }
  ticker.close();
  wire.close();
  if (transport === "tcp" && came < count) throw new Error(`${count - came} answers are missing`);
  const counted = took.subarray(warm).filter((ms) => ms >= 0).sort();
  if (counted.length === 0) throw new Error("Nothing was answered");
  const at = (part: number) => counted[Math.floor(part * (counted.length - 1))]!;
  return {
    done: counted.length,
    seconds: job.seconds,
    total: came,
    lost: count - warm - counted.length,
    latencies: { p50: at(0.5), p99: at(0.99), p999: at(0.999) },
  };
}
