/**
 * The load's process: starts random sessions and flows, and reports each one to its parent at its end.
 * Knows shunt's ports and nothing of its inside.
 *
 * @module
 */

import { CLIENTS } from "./clients.ts";
import { KINDS } from "./kinds.ts";
import { between, seeded } from "./random.ts";
import { eachLine, errorName, type LoadOrder, type LoadPlan, sendRecord } from "./records.ts";
import { pause, Wire } from "./tally.ts";
import { runFlow } from "./client_udp.ts";

/** Limit for sessions and flows at once, so that a slow machine is not overloaded. */
const MAX_RUNNING = 200;
/** Milliseconds after which a session that should have ended has failed. */
const LATE_MS = 30_000;
/** Sessions that SIGTERM finds running. */
const HELD = 8;

const plan: LoadPlan = JSON.parse(String(Deno.args[0]));
const random = seeded(plan.seed);
const run = between(random, 1, 0xffff_ffff).toString(16).padStart(8, "0");
const caCerts = [Deno.readTextFileSync(plan.authority)];
const running = new Set<Promise<void>>();
const held = Promise.withResolvers<void>();
let begun = 0;

function nextToken(): string {
  return run + (++begun).toString(16).padStart(8, "0");
}

/** Runs one session and reports it. */
async function runSession(kind: string, release: Promise<void>): Promise<void> {
  const token = nextToken();
  const client = CLIENTS[kind]!;
  const port = plan.ports[KINDS[kind]!.listener]!;
  // Chance of its own: what others do meanwhile must not change what this one does.
  const own = seeded(plan.seed ^ Math.imul(begun, 0x9e3779b1));
  let wire: Wire;
  const start = Date.now();
  try {
    wire = new Wire(await Deno.connect({ hostname: "127.0.0.1", port }));
  } catch (error) {
    sendRecord({ from: "failed", kind, error: `connect: ${errorName(error)}` });
    return;
  }
  const source = `127.0.0.1:${(wire.conn.localAddr as Deno.NetAddr).port}`;
  let failure: string | undefined;
  const late = setTimeout(() => {
    failure = `not over in ${LATE_MS / 1000} s`;
    wire.close();
  }, LATE_MS);
  try {
    await client(wire, { token, random: own, caCerts, release });
  } catch (error) {
    failure ??= errorName(error);
  }
  clearTimeout(late);
  wire.close();
  const sums = { sent: wire.sent.sum(), received: wire.received.sum() };
  sendRecord({
    from: "client",
    kind,
    token,
    source,
    start,
    end: Date.now(),
    ...sums,
    error: failure,
  });
}

function begin(kind: string, release: Promise<void> = Promise.resolve()): void {
  const { transport, listener } = KINDS[kind]!;
  const task = transport === "tcp" ? runSession(kind, release) : runFlow(kind, {
    token: nextToken(),
    port: plan.ports[listener]!,
    random: seeded(plan.seed ^ Math.imul(begun, 0x9e3779b1)),
  }).then(sendRecord);
  const kept = task.finally(() => running.delete(kept));
  running.add(kept);
}

const names = Object.entries(KINDS).flatMap(([name, { weight }]) => Array(weight).fill(name));

async function load(): Promise<void> {
  const started = performance.now();
  const end = started + plan.seconds * 1000;
  // Every kind once, so that a short run has them all.
  for (const [name, { weight }] of Object.entries(KINDS)) if (weight > 0) begin(name);
  let due = started;
  while (performance.now() < end) {
    // Poisson arrivals: bursts and gaps, as many independent clients make.
    due += -Math.log(1 - random()) * 1000 / plan.rate;
    const wait = due - performance.now();
    if (wait > 1) await pause(wait);
    // What could not begin in time is left out, not made up for.
    if (wait < -1000) due = performance.now();
    if (running.size < MAX_RUNNING) begin(names[between(random, 0, names.length - 1)]);
  }
  await Promise.all(running);
}

async function obey({ what }: LoadOrder): Promise<void> {
  switch (what) {
    case "load":
      await load();
      break;
    case "hold":
      for (let i = 0; i < HELD; i++) begin("held", held.promise);
      await pause(500);
      break;
    case "finish":
      held.resolve();
      await Promise.all(running);
      break;
  }
  sendRecord({ from: "done", what });
}

await eachLine(Deno.stdin.readable, (line) => void obey(JSON.parse(line)));
Deno.exit(0);
