/**
 * Load: streams from the backend as fast as they come. Reads every eighth piece and compares its ends with
 * what the backend sends; the kernel drops the rest without a copy, so that the time is the proxy's.
 *
 * @module
 */

import { Connections } from "./connections.ts";
import { type Job, type Outcome, Stopwatch } from "./job.ts";
import { DISCARD, libc, must, RECEIVE, SEND } from "./libc.ts";
import { BULK_PATTERN, BULK_REQUEST } from "./messages.ts";

const CHECK_EVERY = 8;
const input = new Uint8Array(1 << 20);

/**
 * Runs the load.
 *
 * @param job What to do
 * @returns Bytes received
 * @throws {Error} If a byte is wrong or a stream ends
 */
export function bulk(job: Job & { readonly kind: "bulk" | "kept" }): Outcome {
  const { poll, fds } = new Connections(job.port, job.connections);
  for (const fd of fds) must("send", libc.send(fd, BULK_REQUEST, BULK_REQUEST.length, SEND));
  const offsets: number[] = [];
  for (const fd of fds) offsets[fd] = 0;
  const watch = new Stopwatch(job);
  let total = 0;
  for (let turn = 0; watch.running(total);) {
    const ready = poll.wait(100);
    for (let i = 0; i < ready; i++) {
      const fd = poll.fd(i);
      const looks = turn++ % CHECK_EVERY === 0;
      const n = libc.recv(fd, input, input.length, looks ? RECEIVE : DISCARD);
      if (n === 0) throw new Error("A bulk stream ended");
      if (n < 0) continue;
      const at = offsets[fd] ?? 0;
      if (looks && !(isAt(at, input[0]) && isAt(at + n - 1, input[n - 1]))) {
        throw new Error(`A bulk stream is wrong near byte ${at}`);
      }
      offsets[fd] = at + n;
      total += n;
    }
  }
  for (const fd of fds) libc.close(fd);
  poll.close();
  return watch.outcome(total);
}

function isAt(offset: number, byte: number | undefined): boolean {
  return BULK_PATTERN[offset % BULK_PATTERN.length] === byte;
}
