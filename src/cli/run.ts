/**
 * `shunt run`: starts the proxy and keeps it running until a signal ends it.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import project from "../../deno.json" with { type: "json" };
import type { Config } from "../config/schema.ts";
import { messageOf, ShuntError, stackOf } from "../errors.ts";
import { Counters } from "../observe/counters.ts";
import { setUpLog } from "../observe/log.ts";
import { type Proxy, startProxy } from "../proxy.ts";
import { CONFIG_OPTIONS, readConfig } from "./config_file.ts";
import { type Options, type Terminal, UsageError, type Verb } from "./verb.ts";

const logger = getLogger(["shunt", "run"]);

/**
 * Milliseconds in which a second SIGINT is the first one again: Ctrl-C goes to the whole process group,
 * and `deno task` passes it on besides, some 10 ms later.
 */
const SAME_INTERRUPT_MS = 100;

const HELP = `Usage: shunt [run] [-c FILE] [--ready-file PATH] [--set PATH=VALUE]...

Starts the proxy and prints one line per bound address. The log goes to standard error.

  -c, --config FILE    the configuration (default: config.yaml where you stand)
  --ready-file PATH    written whole once everything is bound, removed at the end: JSON with the
                       process id and the bound addresses
  --set PATH=VALUE     replaces one value of the configuration, as in
                       --set listeners.edge.bind=127.0.0.1:0

SIGTERM and SIGINT drain: nothing new is taken, sessions may finish within "drain_timeout", flows that
are silent for 2 s end. A second signal ends at once, with exit code 1.

Exit codes: 0 clean, 1 runtime failure, 2 bad usage or bad configuration`;

async function run(options: Options, terminal: Terminal): Promise<number> {
  const { config } = await readConfig(options, terminal);
  if (config === undefined) return 2;
  const readyFile = options.get("ready-file");
  if (readyFile !== undefined) await removeReadyFile(readyFile);
  await using log = await setUpLog(config.log);
  // A bug must cost one session, not the process.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    logger.error("Internal error", { error: stackOf(event.reason) });
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    logger.error("Internal error", { error: stackOf(event.error ?? event.message) });
  });
  let proxy: Proxy;
  try {
    proxy = await startProxy(config, config.log.access ? { onAccess: log.write } : {});
  } catch (error) {
    if (!(error instanceof ShuntError)) throw error;
    terminal.err(`error: ${error.message}`);
    return 1;
  }
  const { io, workers } = proxy;
  logger.info("Started", { version: project.version, io, workers });
  for (const [name, { tcp, udp }] of Object.entries(proxy.addresses)) {
    for (const address of tcp) terminal.out(`${name} listens on tcp ${address}`);
    for (const address of udp) terminal.out(`${name} listens on udp ${address}`);
  }
  // Whoever reads the ready file may send a signal at once: it must not kill.
  const stopped = untilStopped(proxy, config);
  try {
    if (readyFile !== undefined) await writeReadyFile(readyFile, proxy);
  } catch (error) {
    terminal.err(`error: Cannot write ready file "${readyFile}": ${messageOf(error)}`);
    await proxy.close();
    return 1;
  }
  const code = await stopped;
  if (readyFile !== undefined) await removeReadyFile(readyFile);
  return code;
}

/** Waits for a signal, then drains; a second signal ends at once. */
async function untilStopped(proxy: Proxy, config: Config): Promise<number> {
  let forced = false;
  let received: (() => void) | undefined;
  const stopped = new Promise<void>((resolve) => received = resolve);
  const onSignal = () => {
    if (received === undefined) {
      forced = true;
      proxy.close();
    }
    received?.();
    received = undefined;
  };
  const onHangUp = () => logger.warn("Reload is not supported yet; SIGHUP does nothing");
  let interruptedAt = -Infinity;
  const onInterrupt = () => {
    const again = performance.now() - interruptedAt < SAME_INTERRUPT_MS;
    interruptedAt = performance.now();
    if (!again) onSignal();
  };
  Deno.addSignalListener("SIGINT", onInterrupt);
  if (Deno.build.os !== "windows") {
    Deno.addSignalListener("SIGTERM", onSignal);
    Deno.addSignalListener("SIGHUP", onHangUp);
  }
  await stopped;
  const { sessions, flows } = proxy.active();
  logger.info("Draining", { sessions, flows, drain_timeout_ms: config.drain_timeout });
  const cut = await proxy.drain();
  logger.info("Stopped", { closed: cut, ...summary(proxy) });
  // The listeners stay: a signal while the last lines are written must not kill.
  return forced ? 1 : 0;
}

/** What was served and what was dropped, by reason. */
function summary(proxy: Proxy): Record<string, number> {
  const totals = Counters.sum(Object.values(proxy.stats()));
  const dropped = Object.entries(totals.drops).filter(([, count]) => count > 0)
    .map(([reason, count]) => [`dropped_${reason}`, count]);
  return {
    sessions: totals.sessionsTotal,
    flows: totals.flowsTotal,
    ...Object.fromEntries(dropped),
  };
}

async function writeReadyFile(path: string, proxy: Proxy): Promise<void> {
  const ready = { pid: Deno.pid, admin: null, listeners: proxy.addresses };
  // Renaming makes it appear whole: whoever waits for it never reads half of it.
  const unfinished = `${path}.${Deno.pid}.tmp`;
  await Deno.writeTextFile(unfinished, `${JSON.stringify(ready)}\n`);
  await Deno.rename(unfinished, path);
}

/** An old ready file must not be taken for this run's; nothing but a file is ever removed. */
async function removeReadyFile(path: string): Promise<void> {
  try {
    if ((await Deno.lstat(path)).isDirectory) {
      throw new UsageError(`Cannot use ready file "${path}": it is a directory`);
    }
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The verb `run`. */
export const runVerb: Verb = {
  name: "run",
  summary: "start the proxy (the verb may be left out)",
  help: HELP,
  options: { ...CONFIG_OPTIONS, string: ["config", "ready-file"] },
  run,
};
