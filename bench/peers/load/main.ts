/**
 * The load generator's process: takes one job per line from standard input and answers each with
 * one line. Ends when its input does.
 *
 * @module
 */

import { bulk } from "./bulk.ts";
import { dropHeld, holdFlows, holdSessions, useHeld } from "./held.ts";
import type { Job, Outcome } from "./job.ts";
import { kept } from "./kept.ts";
import { newConnections } from "./new.ts";
import { openLoop } from "./open_loop.ts";
import { udp } from "./udp.ts";

function run(job: Job): Outcome {
  switch (job.kind) {
    case "bulk":
      return bulk(job);
    case "kept":
      return kept(job);
    case "new":
      return newConnections(job);
    case "udp":
      return udp(job);
    case "open_tcp":
      return openLoop(job, "tcp");
    case "open_udp":
      return openLoop(job, "udp");
    case "hold_sessions":
      return holdSessions(job.port, job.count);
    case "hold_flows":
      return holdFlows(job.port, job.count);
    case "use_held":
      return useHeld();
    case "drop_held":
      return dropHeld();
  }
}

function main(): void {
  const input = new Uint8Array(1 << 16);
  let text = "";
  for (;;) {
    const n = Deno.stdin.readSync(input);
    if (n === null) return;
    text += new TextDecoder().decode(input.subarray(0, n));
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      let answer: unknown;
      try {
        answer = run(JSON.parse(line));
      } catch (error) {
        answer = { error: error instanceof Error ? error.message : String(error) };
      }
      Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(answer)}\n`));
    }
  }
}

if (import.meta.main) main();
