/**
 * Judges a soak: everything that fails it. Knows numbers, no process.
 *
 * @module
 */

import { ATTACKS } from "./attacks.ts";
import { KINDS } from "./kinds.ts";
import { slope } from "./sampler.ts";
import type { SoakResult } from "./soak.ts";

/**
 * MiB that memory may grow over the second half. V8 collects garbage at times of its choice, so memory goes
 * up and down by tens of MiB within minutes. Growth counts only if it also stays above the earlier maximum.
 */
const RSS_GROWTH = 48;
/** Descriptors a minute. */
const DESCRIPTORS_PER_MINUTE = 10;
/** Seconds below which a slope says nothing: V8 takes memory before it gives any back. */
const SLOPE_SECONDS = 240;
/** Descriptors that may be there at the end and were not at the beginning. */
const DESCRIPTORS_LEFT = 2;

/** Milliseconds that an answer of `/healthz` may take. */
const HEALTH_MS = 1000;

/** How memory and descriptors grow over the second half. */
export interface Growth {
  readonly rss: number;
  /** The most MiB in the second quarter, and the least in the last. */
  readonly early: number;
  readonly late: number;
  readonly descriptors: number;
  /** Whether it was long enough for the bounds to hold. */
  readonly judged: boolean;
}

/**
 * Returns how memory and descriptors grow.
 *
 * @param result The soak
 */
export function growthOf({ samples, seconds }: SoakResult): Growth {
  // The last samples are of a shunt at rest.
  const second = samples.filter(({ at }) => at >= seconds / 2 && at <= seconds);
  const quarter = (n: number) =>
    samples.filter(({ at }) => at >= seconds * n / 4 && at <= seconds * (n + 1) / 4);
  return {
    rss: slope(second, "rss"),
    early: Math.max(...quarter(1).map(({ rss }) => rss)),
    late: Math.min(...quarter(3).map(({ rss }) => rss)),
    descriptors: slope(second, "descriptors"),
    judged: seconds >= SLOPE_SECONDS,
  };
}

/**
 * Finds everything that fails a soak.
 *
 * @param result The soak
 * @returns One line each; none where all is well
 */
export function failuresOf(result: SoakResult): string[] {
  const { ledger, reloads, active, before, after, exitCode, stopped } = result;
  const failures = [...ledger.failures].map(([what, { count, first }]) =>
    `${count} × ${what}${first === "" ? "" : `, first: \`${first.slice(0, 1500)}\``}`
  );
  const expect = (holds: boolean, failure: string) => {
    if (!holds) failures.push(failure);
  };
  for (const [name, { weight }] of Object.entries(KINDS)) {
    const count = ledger.kinds.get(name)?.count ?? 0;
    expect(weight === 0 || count > 0, `there was no ${name}`);
  }
  for (const cause of ["file", "signal", "admin"]) {
    expect(reloads.done.has(cause), `nothing was reloaded by ${cause}`);
  }
  expect(result.kills > 0, "no target was killed");
  expect(result.drains > 0, "no target was drained");
  const { sessions, flows, detect_memory_bytes } = active;
  expect(sessions + flows === 0, `${sessions} sessions and ${flows} flows never ended`);
  expect(detect_memory_bytes === 0, `${detect_memory_bytes} bytes of detection memory were kept`);
  expect(
    after.descriptors <= before.descriptors + DESCRIPTORS_LEFT,
    `${after.descriptors} descriptors are left of ${before.descriptors}`,
  );
  expect(
    result.kernelAborts === 0,
    `the kernel broke ${result.kernelAborts} connections for want of memory for TCP: something else ` +
      "on this machine takes it, and what was lost may be its doing",
  );
  if (result.options.attack) {
    for (const name of Object.keys(ATTACKS)) {
      expect((result.attacks.get(name) ?? 0) > 0, `there was no attack by ${name}`);
    }
  }
  expect(
    result.slowestHealth <= HEALTH_MS,
    `/healthz took ${result.slowestHealth.toFixed(0)} ms`,
  );
  expect(exitCode === 0, `shunt's exit code was ${exitCode}`);
  expect(stopped?.closed === 0, `the drain cut ${stopped?.closed} sessions or flows off`);
  expect(
    stopped?.sessions === ledger.lines.tcp,
    `shunt counted ${stopped?.sessions} sessions, its log has ${ledger.lines.tcp}`,
  );
  expect(
    stopped?.flows === ledger.lines.udp,
    `shunt counted ${stopped?.flows} flows, its log has ${ledger.lines.udp}`,
  );
  const growth = growthOf(result);
  if (growth.judged) {
    const { rss, early, late } = growth;
    const grown = rss * result.seconds / 120;
    expect(
      grown <= RSS_GROWTH || late <= early,
      `memory grew by ${grown.toFixed(0)} MiB, to ${late.toFixed(0)} MiB at least`,
    );
    expect(
      growth.descriptors <= DESCRIPTORS_PER_MINUTE,
      `descriptors grow by ${growth.descriptors.toFixed(1)} a minute`,
    );
  }
  return failures;
}
