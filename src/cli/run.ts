/**
 * `shunt run`: starts the proxy and keeps it running until a signal ends it.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import project from "../../deno.json" with { type: "json" };
import { readToken } from "../admin/token.ts";
import type { Config } from "../config/schema.ts";
import { messageOf, ShuntError, stackOf } from "../errors.ts";
import { type InheritedSocket, inheritedSockets } from "../io/libc/inherited.ts";
import { missingForLibc } from "../io/libc/symbols.ts";
import { type RunningLog, setUpLog } from "../observe/log/log.ts";
import { openTelemetry } from "../observe/tracing/telemetry.ts";
import { type Proxy, startProxy } from "../control/proxy.ts";
import { CONFIG_OPTIONS, readConfig } from "../service/config_file.ts";
import { ConfigSource } from "../service/config_source.ts";
import { openNotifier } from "../service/notify.ts";
import { removeReadyFile, tryReadyFile, writeReadyFile } from "../service/ready_file.ts";
import { Supervisor } from "../service/supervisor.ts";
import { findPredecessor, type Predecessor } from "../service/upgrade.ts";
import type { Options, Terminal } from "../service/options.ts";
import type { Verb } from "./verb.ts";

const logger = getLogger(["shunt", "run"]);

/**
 * Milliseconds in which a second SIGINT counts as the first one: Ctrl-C goes to the whole process group,
 * and `deno task` also passes it on, some 10 ms later.
 */
const SAME_INTERRUPT_MS = 100;

/** Milliseconds that stopping may take beyond `drain_timeout`; an upgrade waits for as long. */
const LATE_MS = 5000;

/** Milliseconds that stopping at once, without a drain, may take. */
const FORCED_MS = 5000;

const HELP = `Usage: shunt [run] [-c FILE] [--ready-file PATH] [--upgrade] [--set PATH=VALUE]...

Starts the proxy and prints one line per bound address. The log goes to standard error, or to
"log.file".

  -c, --config FILE    the configuration (default: config.yaml in this folder)
  --ready-file PATH    appears once everything is bound, and is removed at the end: JSON with the
                       process id, the admin address and the bound addresses
  --upgrade            take over from the shunt at the configuration's admin address: bind the same
                       addresses beside it, take everything new, and make it drain and exit
  --set PATH=VALUE     replaces one value of the configuration, as in
                       --set listeners.edge.bind=127.0.0.1:0

SIGHUP or a change of the file reloads the configuration: all of it, or none of it if it has an error.
Running sessions and flows keep the old rules. SIGUSR2 opens "log.file" again after it was renamed;
SIGUSR1 does too, but see docs/logging.md.

SIGTERM and SIGINT drain: shunt takes nothing new, sessions may finish within "drain_timeout", flows end
after 2 s of silence. A second signal exits at once, with exit code 1. If something hangs, shunt exits
5 s after "drain_timeout", also with exit code 1.

Exit codes: 0 clean, 1 runtime failure, 2 bad usage or bad configuration`;

async function run(options: Options, terminal: Terminal): Promise<number> {
  const loaded = await readConfig(options, terminal);
  const { config } = loaded;
  if (config === undefined) return 2;
  const readyFile = options.get("ready-file");
  const upgrade = options.has("upgrade");
  if (readyFile !== undefined && !upgrade) await removeReadyFile(readyFile);
  await using log = await openLog(config, terminal);
  if (log === undefined) return 1;
  await using notifier = openNotifier();
  // A bug must cost one session, not the process.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    logger.error("Internal error", { error: stackOf(event.reason) });
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    logger.error("Internal error", { error: stackOf(event.error ?? event.message) });
  });
  let proxy: Proxy | undefined;
  // A script that sees a port open may send a signal at once, which must not kill the process.
  const signals = new Signals(log, () => (proxy?.config ?? config).drain_timeout);
  const predecessor = upgrade ? await findPredecessor(config.admin, loaded.file) : undefined;
  // Until it is replaced, the file may belong to the other process.
  if (readyFile !== undefined && upgrade && predecessor === undefined) {
    await removeReadyFile(readyFile);
  }
  const source = new ConfigSource(options, loaded);
  let supervisor: Supervisor | undefined;
  try {
    // Whatever can fail has to fail before addresses are shared or the other process is asked to exit.
    if (readyFile !== undefined) await tryReadyFile(readyFile);
    if (predecessor !== undefined) await readToken(config.admin?.token_file);
    const inherited = findInherited();
    const telemetry = await openTelemetry(() => (proxy?.config ?? config).log.access_rate);
    proxy = await startProxy(config, {
      onAccess: (lines) => log.write(lines),
      onEnd: telemetry?.onEnd,
      takeOver: predecessor?.addresses,
      inherited,
    });
    const load = (text?: string) => source.load(text);
    supervisor = new Supervisor({ proxy, log, notifier, load });
    telemetry?.openMetrics(supervisor);
    // After a signal this process ends, so the other one has to stay.
    if (signals.came) {
      signals.supervisor = supervisor;
      await proxy.drain();
      return 0;
    }
    if (predecessor === undefined) await supervisor.openAdmin();
    else await takeOverFrom(predecessor, supervisor, proxy);
  } catch (error) {
    if (proxy === undefined && !(error instanceof ShuntError)) throw error;
    terminal.err(`error: ${messageOf(error)}`);
    signals.supervisor = supervisor;
    // Clients that came here instead of to the other process may finish.
    if (predecessor === undefined) await proxy?.close();
    else await proxy?.drain();
    return 1;
  }
  const { io, workers } = proxy;
  logger.info("Started", { version: project.version, io, workers });
  printAddresses(supervisor, terminal);
  signals.supervisor = supervisor;
  try {
    if (readyFile !== undefined) {
      const { adminAddress: admin } = supervisor;
      await writeReadyFile(readyFile, { pid: Deno.pid, admin, listeners: proxy.addresses });
    }
  } catch (error) {
    if (predecessor === undefined) {
      terminal.err(`error: ${messageOf(error)}`);
      await supervisor.close();
      return 1;
    }
    logger.error(messageOf(error));
  }
  supervisor.ready();
  const over = new AbortController();
  if (predecessor !== undefined) {
    shareOnceEnded(predecessor, { supervisor, proxy, signal: over.signal });
  }
  const cut = await keepRunning(supervisor, { signals, source, over });
  if (readyFile !== undefined) await removeReadyFile(readyFile, Deno.pid);
  logger.info("Stopped", { closed: cut, ...summary(proxy) });
  return signals.forced ? 1 : 0;
}

async function openLog({ log }: Config, terminal: Terminal): Promise<RunningLog | undefined> {
  try {
    return await setUpLog(log);
  } catch (error) {
    if (!(error instanceof ShuntError)) throw error;
    terminal.err(`error: ${error.message}`);
    return undefined;
  }
}

/** Returns the sockets that a service manager has bound for this process. */
function findInherited(): InheritedSocket[] {
  return missingForLibc() === undefined
    ? inheritedSockets((name) => Deno.env.get(name), Deno.pid)
    : [];
}

/** Takes everything new from now on; the other process exits once its sessions and flows have ended. */
async function takeOverFrom(
  predecessor: Predecessor,
  supervisor: Supervisor,
  proxy: Proxy,
): Promise<void> {
  const { pid, workers } = predecessor;
  // This comes first, because the other process may refuse. It takes new connections for a second more.
  await predecessor.handOver();
  supervisor.predecessor = pid;
  // When the other process closes a socket, the kernel moves the group's last one into its place. These
  // workers keep theirs.
  const count = Math.max(1, proxy.workers - workers + 1);
  const failure = await proxy.steer({ first: workers, count });
  const because = failure ??
    (proxy.workers < workers ? "this process has fewer workers than the other" : undefined);
  if (because !== undefined) {
    logger.warn("Connections that begin while the other process closes may be reset", { because });
  }
  logger.info("Took over from a running shunt", { pid });
  await supervisor.takeAdmin();
}

/** Lets the kernel spread everything new over all workers once the other process has ended. */
async function shareOnceEnded(
  predecessor: Predecessor,
  { supervisor, proxy, signal }: {
    readonly supervisor: Supervisor;
    readonly proxy: Proxy;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  await predecessor.ended(signal);
  supervisor.predecessor = undefined;
  // While this one drains, the next one decides which worker gets what.
  if (signal.aborted) return;
  await proxy.steer(undefined);
  logger.info("The shunt that this one took over from has ended", { pid: predecessor.pid });
}

function printAddresses(supervisor: Supervisor, terminal: Terminal): void {
  for (const [name, { tcp, udp }] of Object.entries(supervisor.proxy.addresses)) {
    for (const address of tcp) terminal.out(`${name} listens on tcp ${address}`);
    for (const address of udp) terminal.out(`${name} listens on udp ${address}`);
  }
  const { adminAddress } = supervisor;
  if (adminAddress !== null) terminal.out(`admin listens on ${adminAddress}`);
}

/** Handles signals: the first SIGTERM or SIGINT starts a drain, the second exits at once. */
class Signals {
  /** Resolves with the first. */
  readonly first: Promise<void>;
  /** Whether there was a second. */
  forced = false;
  /** What acts on signals; unset while shunt starts. */
  supervisor: Supervisor | undefined;
  readonly #drainMs: () => number;
  #onFirst: (() => void) | undefined;
  #interruptedAt = -Infinity;

  /**
   * @param log The log that SIGUSR2 and SIGUSR1 open again
   * @param drainMs Returns the present `drain_timeout`
   */
  constructor(log: RunningLog, drainMs: () => number) {
    this.#drainMs = drainMs;
    this.first = new Promise((resolve) => this.#onFirst = resolve);
    // The handlers stay to the end: a signal while the last lines are written must not kill the process.
    Deno.addSignalListener("SIGINT", () => this.#interrupt());
    if (Deno.build.os === "windows") return;
    Deno.addSignalListener("SIGTERM", () => this.#end());
    Deno.addSignalListener("SIGUSR2", () => log.reopen());
    // Many programs open their log again on SIGUSR1.
    Deno.addSignalListener("SIGUSR1", () => {
      log.reopen();
      logger.warn(
        "SIGUSR1 is Deno's too: it may have opened its debugger at 127.0.0.1:9229, which lets " +
          "anyone who connects control this process; restart shunt, and use SIGUSR2 instead",
      );
    });
    Deno.addSignalListener("SIGHUP", () => this.supervisor?.reload("signal"));
  }

  /** Whether there was a first. */
  get came(): boolean {
    return this.#onFirst === undefined;
  }

  /** Makes the process end in time, even if a drain, a start, a worker or a file hangs. */
  limit(): void {
    exitIn(this.#drainMs() + LATE_MS);
  }

  #interrupt(): void {
    const again = performance.now() - this.#interruptedAt < SAME_INTERRUPT_MS;
    this.#interruptedAt = performance.now();
    if (!again) this.#end();
  }

  #end(): void {
    if (this.came) {
      this.forced = true;
      this.supervisor?.close();
      exitIn(FORCED_MS);
    } else this.limit();
    this.#onFirst?.();
    this.#onFirst = undefined;
  }
}

function exitIn(ms: number): void {
  Deno.unrefTimer(setTimeout(() => Deno.exit(1), ms));
}

/** Keeps shunt running, reloads it when its file changes, and drains it in the end. */
async function keepRunning(
  supervisor: Supervisor,
  { signals, source, over }: {
    readonly signals: Signals;
    readonly source: ConfigSource;
    readonly over: AbortController;
  },
): Promise<number> {
  source.watch((text) => supervisor.reload("file", text));
  try {
    await Promise.race([signals.first, supervisor.drainAsked.then(() => signals.limit())]);
  } finally {
    over.abort();
    await source[Symbol.asyncDispose]();
  }
  const { sessions, flows } = supervisor.proxy.active();
  const { drain_timeout } = supervisor.proxy.config;
  logger.info("Draining", { sessions, flows, drain_timeout_ms: drain_timeout });
  return await supervisor.stop();
}

/** Counts what was served, and what was dropped by reason. */
function summary(proxy: Proxy): Record<string, number> {
  const totals = proxy.totals();
  const dropped = Object.entries(totals.drops).filter(([, count]) => count > 0)
    .map(([reason, count]) => [`dropped_${reason}`, count]);
  return {
    sessions: totals.sessionsTotal,
    flows: totals.flowsTotal,
    ...Object.fromEntries(dropped),
  };
}

/** The verb `run`. */
export const runVerb: Verb = {
  name: "run",
  summary: "start the proxy (the verb may be left out)",
  help: HELP,
  options: { ...CONFIG_OPTIONS, string: ["config", "ready-file"], boolean: ["upgrade"] },
  run,
};
