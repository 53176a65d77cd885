/**
 * Load: UDP round trips with a fixed number of datagrams in flight on each flow. A datagram that does not
 * come back within 200 ms counts as lost and is sent again.
 *
 * @module
 */

import { Batch } from "./datagrams.ts";
import { type Job, type Outcome, Stopwatch } from "./job.ts";
import { connectUdp, libc, loopback } from "./libc.ts";
import { UDP_REQUEST, UDP_RESPONSE } from "./messages.ts";
import { IN, Poll } from "./poll.ts";

/** Words of a datagram: kind, flow, its place among those in flight, how often that was lost. */
const [KIND, FLOW, PLACE, LOSSES] = [0, 1, 2, 3];
const LOST_AFTER = 200;
const QUIET = 20;

/**
 * Runs the load.
 *
 * @param job What to do
 * @returns Round trips, and datagrams lost
 * @throws {Error} If a datagram is not what was sent
 */
export function udp(job: Job & { readonly kind: "udp" }): Outcome {
  const { inFlight, size } = job;
  const slot = size + 4;
  const stride = slot / 4;
  const batch = new Batch(inFlight, slot, false);
  const { words } = batch;
  const poll = new Poll();
  const flows = Array.from({ length: job.connections }, () => connectUdp(loopback(job.port)));
  const flowOf: number[] = [];
  const lastSent = new Float64Array(flows.length * inFlight);
  const losses = new Uint32Array(flows.length * inFlight);
  let total = 0;
  let lost = 0;

  function sendAgain(flow: number, place: number): void {
    lastSent[flow * inFlight + place] = watch.now;
    words.set([UDP_REQUEST, flow, place, losses[flow * inFlight + place]!]);
    batch.setLength(0, size);
    batch.send(flows[flow]!, 1);
  }

  function receive(fd: number): void {
    const flow = flowOf[fd]!;
    const n = batch.receive(fd);
    if (n <= 0) return;
    let current = true;
    for (let i = 0, at = 0; i < n; i++, at += stride) {
      const place = words[at + PLACE!]!;
      if (
        words[at + KIND!] !== UDP_RESPONSE || words[at + FLOW!] !== flow ||
        batch.length(i) !== size || place >= inFlight
      ) throw new Error("A datagram is not what the backend sent to this flow");
      // It was counted as lost, and its successor is on the way.
      if (words[at + LOSSES!] !== losses[flow * inFlight + place]) {
        current = false;
        continue;
      }
      words[at + KIND!] = UDP_REQUEST;
      lastSent[flow * inFlight + place] = watch.now;
      batch.setLength(i, size);
      total++;
    }
    // A batch with a stale datagram is rare; its places are handled as lost ones.
    if (current) batch.send(fd, n);
  }

  const watch = new Stopwatch(job);
  for (const [flow, fd] of flows.entries()) {
    flowOf[fd] = flow;
    poll.add(fd, IN);
    for (let place = 0; place < inFlight; place++) sendAgain(flow, place);
  }
  let swept = watch.now;
  while (watch.running(total)) {
    const ready = poll.wait(50);
    for (let i = 0; i < ready; i++) receive(poll.fd(i));
    if (watch.now - swept < LOST_AFTER / 4) continue;
    swept = watch.now;
    for (let i = 0; i < lastSent.length; i++) {
      if (watch.now - lastSent[i]! < LOST_AFTER) continue;
      lost++;
      losses[i]!++;
      sendAgain(Math.floor(i / inFlight), i % inFlight);
    }
  }
  const outcome = watch.outcome(total, lost);
  // A later user of one of these ports must not get an answer to this run.
  for (let ready = poll.wait(QUIET); ready > 0; ready = poll.wait(QUIET)) {
    for (let i = 0; i < ready; i++) batch.receive(poll.fd(i));
  }
  for (const fd of flows) libc.close(fd);
  poll.close();
  return outcome;
}
