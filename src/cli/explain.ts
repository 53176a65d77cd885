/**
 * `shunt explain`: shows which route, upstream and target a client would get, and why.
 *
 * @module
 */

import type { Config, ListenerConfig, Transport } from "../config/schema.ts";
import { type Detected, liesBehind, PROTOCOLS, SILENT, UNKNOWN } from "../detect/mod.ts";
import { seenOf } from "../manage/life.ts";
import { closesUnreadable, UNREADABLE } from "../manage/unreadable.ts";
import { AddressSet } from "../facts/networks.ts";
import { Router } from "../resolve/router.ts";
import { Upstream } from "../resolve/upstream.ts";
import { isIpLiteral, parseSocketAddress, unmapHost } from "../wire/address.ts";
import { FACT_NAMES, type FactName, FACTS, PSEUDO_PROTOCOLS } from "../facts/mod.ts";
import type { Wants } from "../facts/wants.ts";
import { isFault } from "../wording.ts";
import { CONFIG_OPTIONS, readConfig } from "../service/config_file.ts";
import { detectFlow, detectStream, type Finding, formatFinding, readCaptures } from "./detect.ts";
import { type Options, type Terminal, UsageError } from "../service/options.ts";
import type { Verb } from "./verb.ts";

const DEFAULT_SOURCE = "127.0.0.1:50000";

async function run(options: Options, terminal: Terminal): Promise<number> {
  const { config } = await readConfig(options, terminal);
  if (config === undefined) return 2;
  const listener = chooseListener(config, options.get("listener"));
  const transport = chooseTransport(listener, options);
  const router = new Router(listener, { protocols: PROTOCOLS });
  const peer = readSource(options.get("source") ?? DEFAULT_SOURCE);
  const { accept, trusted } = listener.proxy_protocol;
  const proxied = accept !== "off" && new AddressSet(trusted).has(peer.host);
  const client = await describeClient(options, transport, router.wants, proxied);
  const source = client.source ?? peer;
  let detected: Detected | undefined;
  if (router.needs(transport, source.host) === "bytes") {
    detected = client.detected;
    if (options.rest.length > 0) terminal.out(`detect: ${formatFinding(client)}`);
    if (liesBehind(detected.protocol)) {
      const asked = [...router.wants.named(detected.protocol)];
      const names = `routes that name "${detected.protocol}"`;
      terminal.out(
        asked.length > 0
          ? `opening: held if the client asks for it, as ${names} ask for ${asked.join(", ")}`
          : `opening: not held, as no ${names} ask for what lies behind it`,
      );
      if (asked.length === 0) detected = { ...detected, facts: {} };
    }
    if (client.opened && (!client.complete || detected.protocol === UNKNOWN.protocol)) {
      const reason = client.complete ? "opening_violation" : "opening_timeout";
      terminal.out(`the opening goes no further: shunt closes it (${reason})`);
      return 0;
    }
    if (endsUndetected(listener, client)) {
      terminal.out(
        "no more comes in time: shunt closes it (detect_timeout), as detect.on_timeout says",
      );
      return 0;
    }
  } else {
    terminal.out("detect: not needed, no route needs bytes from the client");
  }
  const seen = seenOf(transport === "tcp" ? "session" : "flow", source.host, detected);
  const unread = detected !== undefined &&
    closesUnreadable({ config: listener, router }, detected, seen);
  if (unread) {
    terminal.out(`${UNREADABLE} (${detected?.end}): shunt closes it (unreadable)`);
    return 0;
  }
  const explained = router.explain(seen);
  for (const { route, matched, why } of explained) {
    terminal.out(`${route.name} -> ${route.upstream}: ${matched ? "matches" : why}`);
  }
  const chosen = explained.find(({ matched }) => matched)?.route;
  if (chosen === undefined) {
    terminal.out(`no route matches: shunt ${transport === "tcp" ? "closes" : "drops"} it`);
    return 0;
  }
  const upstream = config.upstreams[chosen.upstream];
  if (upstream === undefined) return 2;
  const target = new Upstream(chosen.upstream, upstream).pick(source, []);
  terminal.out(`upstream: ${chosen.upstream} (balance: ${upstream.balance})`);
  terminal.out(`target: ${target?.name ?? "none is usable"}`);
  return 0;
}

/** Reports whether detection would wait for more bytes and then close the session. */
function endsUndetected({ detect }: ListenerConfig, { detected, complete }: Finding): boolean {
  return detect.on_timeout === "close" && (!complete || detected.protocol === SILENT.protocol);
}

function chooseListener(config: Config, name: string | undefined): ListenerConfig {
  const names = Object.keys(config.listeners);
  const chosen = name ?? (names.length === 1 ? names[0] : undefined);
  if (chosen === undefined) {
    throw new UsageError(`Name one of the listeners with --listener: ${names.join(", ")}`);
  }
  const listener = Object.hasOwn(config.listeners, chosen) ? config.listeners[chosen] : undefined;
  if (listener === undefined) {
    throw new UsageError(`Listener "${chosen}" does not exist; there are ${names.join(", ")}`);
  }
  return listener;
}

function readSource(text: string): { readonly host: string; readonly port: number } {
  const source = isIpLiteral(text) ? { host: text, port: 50_000 } : parseSocketAddress(text);
  if (typeof source === "string") throw new UsageError(`Cannot use source "${text}": ${source}`);
  if (!isIpLiteral(source.host)) {
    throw new UsageError(`Cannot use source "${text}": "${source.host}" is not an IP address`);
  }
  return { host: unmapHost(source.host), port: source.port };
}

/** Chooses what the options, the listener and the protocol allow; TCP if they allow both. */
function chooseTransport(listener: ListenerConfig, options: Options): Transport {
  const named = PROTOCOLS.find(({ name }) => name === options.get("protocol"));
  const asked: Transport | undefined = options.has("udp") ? "udp" : undefined;
  const possible = listener.transports.filter((transport) =>
    (asked ?? transport) === transport && (named?.transports.includes(transport) ?? true)
  );
  const [first] = possible;
  if (first === undefined) {
    throw new UsageError(
      named === undefined
        ? 'The listener has no UDP; leave out "--udp"'
        : `Protocol "${named.name}" uses ${
          named.transports.join(" and ")
        } only; the listener has ` +
          listener.transports.join(" and ") +
          (asked === undefined ? "" : ', and "--udp" was given'),
    );
  }
  return possible.includes("tcp") ? "tcp" : first;
}

async function describeClient(
  options: Options,
  transport: Transport,
  asked: Wants,
  proxied: boolean,
): Promise<Finding> {
  const protocol = options.get("protocol");
  if (options.rest.length > 0) {
    if (protocol !== undefined) throw new UsageError("Give either files or --protocol, not both");
    if (transport === "tcp" && options.rest.length > 1) {
      throw new UsageError('Give one file for a TCP session; with "--udp" each is a datagram');
    }
    const captures = await readCaptures(options.rest);
    return transport === "udp"
      ? detectFlow(captures, asked)
      : detectStream(captures[0]!, asked, proxied);
  }
  if (protocol === undefined) {
    throw new UsageError("Name files of captured bytes, or a protocol with --protocol");
  }
  const known = [...PROTOCOLS, ...PSEUDO_PROTOCOLS];
  const possible = known.find(({ name }) => name === protocol)?.facts;
  if (possible === undefined) {
    const names = known.map(({ name }) => name).join(", ");
    throw new UsageError(`Protocol "${protocol}" is unknown; there are ${names}`);
  }
  const facts: Record<string, unknown> = {};
  let bad = false;
  for (const fact of FACT_NAMES) {
    const typed = options.all(optionOf(fact));
    if (typed.length === 0) continue;
    if (!possible.includes(fact)) {
      throw new UsageError(
        `Protocol "${protocol}" has no ${fact}; leave out "--${optionOf(fact)}"`,
      );
    }
    const values = typed.flatMap((text) => {
      const read = FACTS[fact].kind.read(text);
      if (isFault(read)) throw new UsageError([read.fault, read.hint ?? []].flat().join("; "));
      bad ||= read.bad ?? false;
      return read.value ?? [];
    });
    if (values.length > 0) facts[fact] = isSeveral(fact) ? values : values[0];
  }
  const end = bad ? "bad_name" as const : undefined;
  return { detected: { protocol, facts, ...(end && { end }) }, complete: true, layers: [] };
}

function optionOf(fact: FactName): string {
  return fact.replaceAll("_", "-");
}

function isSeveral(fact: FactName): boolean {
  return FACTS[fact].type === "texts";
}

const FACT_HELP = FACT_NAMES.map((fact) =>
  `  ${`--${optionOf(fact)} VALUE`.padEnd(22)}${FACTS[fact].shown.replace(/:.*/, "")}`
).join("\n");

/** The verb `explain`. */
export const explainVerb: Verb = {
  name: "explain",
  summary: "show which route, upstream and target a client would get, and why",
  help: `Usage: shunt explain [-c FILE] [--set PATH=VALUE]... [--listener NAME] [--udp]
                     [--source IP[:PORT]] FILE...
       shunt explain [-c FILE] [--set PATH=VALUE]... [--listener NAME] [--udp]
                     [--source IP[:PORT]] --protocol NAME [--FACT VALUE]...

Reports which route, upstream and target a client would get, and why each earlier route does not match.
The client is described by files of captured bytes (see "shunt detect") or by options.

  -c, --config FILE     the configuration (default: config.yaml in this folder)
  --set PATH=VALUE      replaces one value of the configuration
  --listener NAME       needed only if there are several
  --udp                 the client uses UDP; needed only if it could use either
  --source IP[:PORT]    the client's address (default: ${DEFAULT_SOURCE})
  --protocol NAME       what detection would find, with these facts; --alpn more than once for several
${FACT_HELP}

Exit codes: 0 explained, 2 bad usage or bad configuration`,
  options: {
    boolean: ["udp"],
    string: [
      ...[...CONFIG_OPTIONS.string, "listener", "source", "protocol"],
      ...FACT_NAMES.filter((fact) => !isSeveral(fact)).map(optionOf),
    ],
    collect: [...CONFIG_OPTIONS.collect, ...FACT_NAMES.filter(isSeveral).map(optionOf)],
    rest: "FILE",
  },
  run,
};
