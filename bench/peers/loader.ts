/**
 * Drives the load generators' processes: one job at a time, spread over all of them.
 *
 * @module
 */

import { type Child, delay, start, stop } from "./children.ts";
import type { Job, Outcome } from "./load/job.ts";

/** What all load generators did together. */
export interface Load {
  /** Bytes, requests, connections or round trips per second. */
  readonly rate: number;
  /** All of them, warm-up included. */
  readonly total: number;
  /** Share of the datagrams that did not come back. */
  readonly lost: number;
  /** Milliseconds from due to answered; open loops only. */
  readonly latencies: Outcome["latencies"];
}

/** Beyond the job's own seconds. */
const PATIENCE = 20_000;

/** One load generator's process, started when it is needed. */
class Generator {
  #child: Child | undefined;
  #lines: ReadableStreamDefaultReader<Uint8Array> | undefined;

  async run(job: Job): Promise<Outcome> {
    const child = this.#start();
    const writer = child.process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${JSON.stringify(job)}\n`));
    writer.releaseLock();
    const own = "seconds" in job ? (job.seconds + job.warm) * 1000 : 0;
    const timeout = new AbortController();
    const late = delay(own + PATIENCE, timeout.signal);
    const line = await Promise.race([this.#line(), late]);
    timeout.abort();
    if (typeof line !== "string") {
      this.#child = undefined;
      await stop(child);
      throw new Error("The load generator ended or did not answer in time");
    }
    const answer: Outcome | { readonly error: string } = JSON.parse(line);
    if (!("error" in answer)) return answer;
    // Connections that a failed job left open must not disturb the next one.
    this.#child = undefined;
    await stop(child);
    throw new Error(answer.error);
  }

  #start(): Child {
    if (this.#child !== undefined) return this.#child;
    const script = new URL("load/main.ts", import.meta.url).pathname;
    const child = start([Deno.execPath(), "run", "--quiet", "--no-prompt", "--allow-all", script]);
    this.#lines = child.process.stdout.getReader();
    return this.#child = child;
  }

  async #line(): Promise<string | undefined> {
    const reader = this.#lines;
    const decoder = new TextDecoder();
    let text = "";
    while (!text.endsWith("\n")) {
      const chunk = await reader?.read();
      if (chunk === undefined || chunk.value === undefined) return undefined;
      text += decoder.decode(chunk.value, { stream: true });
    }
    return text;
  }
}

/** All load generators. */
export class Loader {
  readonly #generators: readonly Generator[];

  /** @param count How many processes */
  constructor(count: number) {
    this.#generators = Array.from({ length: count }, () => new Generator());
  }

  /**
   * Runs a job, its connections spread over all processes; a fixed rate comes from one alone.
   *
   * @param job What to do
   * @returns What was done
   * @throws {Error} If the participant answered wrongly or not at all
   */
  async run(job: Job): Promise<Load> {
    const jobs = this.#split(job);
    const outcomes = await Promise.all(jobs.map((part, i) => this.#generators[i]!.run(part)));
    const sum = (of: (outcome: Outcome) => number) =>
      outcomes.reduce((total, outcome) => total + of(outcome), 0);
    return {
      rate: sum(({ done, seconds }) => seconds > 0 ? done / seconds : 0),
      total: sum(({ total }) => total),
      lost: sum(({ lost }) => lost) / (sum(({ total }) => total) + sum(({ lost }) => lost)),
      latencies: outcomes[0]?.latencies ?? null,
    };
  }

  #split(job: Job): Job[] {
    if (!("connections" in job) || job.kind === "open_tcp" || job.kind === "open_udp") return [job];
    const parts = Math.min(this.#generators.length, job.connections);
    const least = Math.floor(job.connections / parts);
    const more = job.connections % parts;
    return Array.from(
      { length: parts },
      (_, i) => ({ ...job, connections: least + (i < more ? 1 : 0) }),
    );
  }
}
