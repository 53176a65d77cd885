/**
 * One soak from start to end: starts everything, lets it run, lets it end. Collects records and judges
 * nothing.
 *
 * @module
 */

import { makeCertificates } from "./certificates.ts";
import { Chaos, Reloads, Windows } from "./chaos.ts";
import { Child, until } from "./child.ts";
import { type ConfigParts, configText, type Targets } from "./config.ts";
import { HealthPoll } from "./health.ts";
import { Ledger } from "./ledger.ts";
import type { SoakOptions } from "./options.ts";
import { seeded } from "./random.ts";
import type { AttackPlan, DoneRecord, SoakRecord } from "./records.ts";
import { kernelAborts, type Sample, Sampler } from "./sampler.ts";
import { type LogLine, Shunt, type Status } from "./shunt.ts";
import { pause } from "./tally.ts";
import { TargetProcess } from "./targets.ts";

/** What is known once it is over. */
export interface SoakResult {
  readonly options: SoakOptions;
  readonly startedAt: Date;
  readonly seconds: number;
  readonly io: string;
  readonly workers: number;
  readonly ledger: Ledger;
  readonly reloads: Reloads;
  readonly kills: number;
  readonly drains: number;
  readonly samples: readonly Sample[];
  /** Before anything was done, and once all was over but shunt itself. */
  readonly before: Sample;
  readonly after: Sample;
  readonly active: Status["active"];
  readonly exitCode: number;
  /** Connections that the kernel broke meanwhile because TCP had no memory left. */
  readonly kernelAborts: number;
  /** The last line of the log: what shunt itself counted. */
  readonly stopped: LogLine | undefined;
  /** Warnings, by message. */
  readonly warnings: ReadonlyMap<string, number>;
  /** How often the attackers did what; empty if there were none. */
  readonly attacks: ReadonlyMap<string, number>;
  /** Milliseconds that the slowest answer of `/healthz` took, asked every 500 ms. */
  readonly slowestHealth: number;
}

/** A soak that runs. */
class Soak {
  readonly reloads = new Reloads();
  readonly windows = new Windows();
  readonly ledger: Ledger = new Ledger(this.windows);
  readonly warnings = new Map<string, number>();
  readonly attacks = new Map<string, number>();
  readonly done = new Set<DoneRecord["what"]>();
  stopped: LogLine | undefined;
  draining = false;

  take(record: SoakRecord): void {
    switch (record.from) {
      case "client":
        return this.ledger.client(record);
      case "target":
        return this.ledger.target(record);
      case "failed":
        return this.ledger.fail(`${record.kind}: ${record.error}`, "");
      case "done":
        this.done.add(record.what);
        return;
      case "attack":
        this.attacks.set(record.attack, record.count);
        return;
      case "bound":
        return;
    }
  }

  log(line: LogLine): void {
    const { level, message } = line;
    if (message === "Draining") this.draining = true;
    if (message === "Stopped") this.stopped = line;
    const expected = this.reloads.take(line);
    if (expected || level === "INFO" || level === "DEBUG") return;
    if (level === "WARN" || level === "WARNING") {
      this.warnings.set(String(message), (this.warnings.get(String(message)) ?? 0) + 1);
    } else this.ledger.fail(`the log has an error: ${message}`, JSON.stringify(line));
  }
}

/** Records a phase that did not complete. The soak goes on, so that there is a report. */
async function attempt(ledger: Ledger, what: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    ledger.fail(`${what} failed`, String(error));
  }
}

/**
 * Runs one soak.
 *
 * @param options Its options
 * @param onProgress Called now and then with the progress
 * @returns The result
 */
export async function runSoak(
  options: SoakOptions,
  onProgress: (line: string) => void,
): Promise<SoakResult> {
  const folder = await Deno.makeTempDir({ prefix: "shunt-soak-" });
  const startedAt = new Date();
  const soak = new Soak();
  const { ledger } = soak;
  const started: { kill(): Promise<void> }[] = [];
  try {
    const take = (record: SoakRecord) => soak.take(record);
    const files = await makeCertificates(folder);
    const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => new TargetProcess(name, files, take));
    const all = [a!, b!, c!, d!];
    started.push(...all);
    await Promise.all(all.map((target) => target.start()));
    const targets: Targets = { a: a!.ports, b: b!.ports, c: c!.ports, d: d!.ports };
    const config: ConfigParts = { targets, io: options.io, workers: options.workers };
    const file = `${folder}/config.yaml`;
    await Deno.writeTextFile(file, configText(config, 0));
    const shunt = await Shunt.start(file, [], {
      onAccess: (line) => ledger.access(line),
      onLog: (line) => soak.log(line),
      onOther: (line) => ledger.fail("what is no log line on standard error", line),
    });
    started.push(shunt);
    const { io, workers } = await shunt.status();
    const seconds = options.minutes * 60;
    const plan = { ...options, seconds, ports: shunt.ports(), authority: files.authority };
    const load = new Child("load.ts", [JSON.stringify(plan)], take);
    started.push(load);
    const sampler = new Sampler(shunt.pid);
    const before = await sampler.settled();
    const aborts = await kernelAborts();
    sampler.start();
    const chaos = new Chaos({
      ...{ shunt, file, config, reloads: soak.reloads, windows: soak.windows },
      ...{ mortal: [c!, d!], random: seeded(options.seed + 1), pace: seconds < 60 ? 0.4 : 1 },
    });
    chaos.start();
    const attackers = options.attack ? attack(shunt, options.seed, take) : undefined;
    if (attackers !== undefined) started.push(attackers);
    const health = new HealthPoll(shunt);
    await load.order({ what: "load" });
    await underWay(soak, shunt, { seconds, onProgress });
    await attempt(ledger, "attacking", async () => await attackers?.end());
    await attempt(ledger, "asking for health", () => health.stop());
    await attempt(ledger, "chaos", () => chaos.stop());
    const idle = async () => {
      const { active } = await shunt.status();
      return active.sessions + active.flows === 0;
    };
    await attempt(ledger, "waiting for the end of all", () => until(idle, "none to live"));
    // A descriptor may be closed a moment after its session was reported.
    const freed = async () => (await sampler.sample()).descriptors <= before.descriptors;
    await until(freed, "descriptors to be closed", 5000).catch(() => {});
    const after = await sampler.sample();
    const { active } = await shunt.status();
    sampler.stop();
    await load.order({ what: "hold" });
    await until(() => soak.done.has("hold"), "sessions to be held");
    shunt.signal("SIGTERM");
    await attempt(ledger, "draining", () => until(() => soak.draining, "shunt to drain"));
    await load.order({ what: "finish" });
    const exitCode = await shunt.exited();
    await until(() => soak.done.has("finish"), "the load to finish");
    await Promise.all([load.end(), ...all.map((target) => target.end())]);
    ledger.close();
    const { kills, drains } = chaos;
    return {
      ...{ options, startedAt, seconds, io, workers, ledger, reloads: soak.reloads, kills, drains },
      ...{ samples: sampler.samples, before, after, active, exitCode, stopped: soak.stopped },
      ...{ warnings: soak.warnings, kernelAborts: await kernelAborts() - aborts },
      ...{ attacks: soak.attacks, slowestHealth: health.slowest },
    };
  } finally {
    await Promise.all(started.map((process) => process.kill()));
    await Deno.remove(folder, { recursive: true });
  }
}

function attack(shunt: Shunt, seed: number, take: (record: SoakRecord) => void): Child {
  const plan: AttackPlan = { seed, ports: { ...shunt.ports(), admin: shunt.adminPort() } };
  return new Child("attack.ts", [JSON.stringify(plan)], take);
}

/** Waits for the load's end, and looks after the ledger meanwhile. */
async function underWay(
  soak: Soak,
  shunt: Shunt,
  { seconds, onProgress }: { seconds: number; onProgress: (line: string) => void },
): Promise<void> {
  const began = performance.now();
  let told = 0;
  while (!soak.done.has("load") && !shunt.over) {
    await pause(200);
    soak.ledger.sweep();
    const passed = (performance.now() - began) / 1000;
    if (passed > seconds + 60) throw new Error("The load did not come to its end");
    if (passed - told < 30) continue;
    told = passed;
    const { tcp, udp } = soak.ledger.lines;
    const failures = [...soak.ledger.failures].map(([what, { count }]) => `${count} × ${what}`);
    onProgress(`${Math.round(passed)} s: ${tcp} sessions, ${udp} flows; ${failures.join("; ")}`);
  }
}
