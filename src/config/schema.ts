/**
 * The configuration's schema: the one source of its keys, defaults, types, JSON Schema and
 * reference. Knows what one value may be; how values depend on each other is check.ts's matter.
 *
 * @module
 */

import { z } from "zod";
import { byName, CONDITIONS, FACT_NAMES } from "../facts/mod.ts";
import { networks } from "../facts/networks.ts";
import * as field from "./fields.ts";

/** What an object schema gives, with nothing in it to be changed. */
type Immutable<T> = T extends readonly (infer U)[] ? readonly Immutable<U>[]
  : T extends object ? { readonly [K in keyof T]: Immutable<T[K]> }
  : T;

const MAX_SESSIONS = 10_000_000;

/** How bytes come: as a stream or in datagrams. */
export const TransportSchema = field.choice(["tcp", "udp"]);

/** The conditions of a route. */
export const MatchSchema = z.strictObject({
  protocol: field.list(field.protocol, { what: "a protocol" }).exactOptional().meta({
    description: "What the first bytes are: a protocol that shunt detects, `unknown` (bytes came " +
      "and nothing knew them) or `silent` (no byte came within `detect.timeout`; TCP only)",
  }),
  ...byName(FACT_NAMES, (name) => {
    const { kind, description } = CONDITIONS[name];
    return field.patterns(kind).exactOptional().meta({ description });
  }),
  source: field.patterns(networks).exactOptional().meta({
    description: "Where the client comes from",
  }),
});

/** What is done to sessions and flows on purpose, in tests of those who talk through shunt. */
export const FaultsSchema = z.strictObject({
  probability: field.share.prefault("100%").meta({
    description: "How many sessions and flows have these faults",
  }),
  seed: field.count({ min: 0, max: 4_294_967_295 }).prefault(0).meta({
    description: "The same seed gives the same faults, in the order of sessions and flows of one " +
      "worker",
  }),
  latency: field.duration("0s", "10m").prefault("0s").meta({
    description: "How long bytes and datagrams are held up, each way",
  }),
  jitter: field.duration("0s", "10m").prefault("0s").meta({
    description: "How much more or less, at random; TCP keeps its order, UDP may not",
  }),
  bandwidth: field.bandwidth.exactOptional().meta({
    description: "What gets through each way, of one session or flow; unset = no limit",
  }),
  blackhole: z.boolean().prefault(false).meta({
    description: "Whether nothing gets through either way, with the connection open",
  }),
  reset_after: field.size("1B", "1GiB").exactOptional().meta({
    description: "TCP: bytes, both ways together, after which both sides are reset; unset = never",
  }),
  slow_close: field.duration("0s", "10m").prefault("0s").meta({
    description: "TCP: how long the end of a direction is held up",
  }),
  loss: field.share.prefault("0%").meta({ description: "UDP: datagrams that are lost" }),
  duplicate: field.share.prefault("0%").meta({ description: "UDP: datagrams that come twice" }),
  reorder: field.share.prefault("0%").meta({
    description: "UDP: datagrams that come late, so that others overtake them",
  }),
  corrupt: field.share.prefault("0%").meta({
    description: "UDP: datagrams of which one bit is changed",
  }),
});

/** One route of a listener. */
export const RouteSchema = z.strictObject({
  match: MatchSchema.exactOptional().meta({
    description: "Conditions: all of them are needed, and of each list any element is enough; " +
      "without `match` the route takes the rest",
  }),
  upstream: field.reference.meta({ description: "The upstream that takes what matches" }),
  faults: FaultsSchema.exactOptional().meta({
    description: "Faults for tests, in the place of the upstream's",
  }),
});

/** One listener. */
export const ListenerSchema = z.strictObject({
  bind: field.list(field.bindAddress, { what: 'an address such as "0.0.0.0:443"' }).meta({
    description: "Addresses to listen on: an IP address or `localhost`, and a port; port 0 asks " +
      "for any free port, the same one for TCP and UDP",
  }),
  transports: field.list(TransportSchema, { what: '"tcp", "udp"' }).prefault(["tcp", "udp"]).meta({
    description: "What to listen for: `tcp`, `udp` or both",
  }),
  detect: z.strictObject({
    timeout: field.duration("10ms", "10m").prefault("3s").meta({
      description: "How long a silent or slow client may take until its protocol is known",
    }),
    on_timeout: field.choice(["fallthrough", "close"]).prefault("fallthrough").meta({
      description: "What then: `fallthrough` goes on with what was read, which server-first " +
        "protocols need; `close` ends the session",
    }),
    on_unreadable: field.choice(["close", "fallthrough"]).exactOptional().meta({
      description:
        "What becomes of a session or flow whose protocol is certain while its name, or " +
        "another fact that routes can ask for, could not be read: it is too long, too slow or " +
        "contradicts itself (see `detect_end` in the access line). `close` ends it (`unreadable`), " +
        "`fallthrough` routes it without those facts; unset: `close` if a route that asks for " +
        "such a fact could have matched it. The same holds, if such a route could still match, for " +
        "fewer bytes than make a protocol certain; a client that sends none is `silent`",
    }),
    max_bytes: field.size("1KiB", "1MiB").prefault("64KiB").meta({
      description: "What detection may hold of one session or flow",
    }),
  }).prefault({}).meta({ description: "How the protocol of a session or flow is found" }),
  proxy_protocol: z.strictObject({
    accept: field.choice(["off", "optional", "required"]).prefault("off").meta({
      description: "Whether TCP sessions begin with a PROXY protocol header: never, perhaps, or " +
        "always. `optional` lets clients of a trusted peer that adds no header write one " +
        "themselves, with any source. A header has at most 107 bytes (v1) or 16 KiB (v2), and no " +
        "more than `detect.max_bytes`",
    }),
    trusted: field.patterns(networks, { empty: true })
      .prefault([]).meta({
        description: "Who may send such a header; needed unless `accept` is `off`. Others " +
          "are refused as `proxy_untrusted` if headers are `required`",
      }),
  }).prefault({}).meta({ description: "PROXY protocol from whom connects to shunt; TCP only" }),
  limits: z.strictObject({
    sessions: field.count({ min: 1, max: MAX_SESSIONS }).prefault(10_000).meta({
      description: "TCP sessions at once",
    }),
    flows: field.count({ min: 1, max: MAX_SESSIONS }).prefault(20_000).meta({
      description:
        "UDP flows at once; beyond them the oldest one makes room whose client has sent one " +
        "datagram only, and whose target none",
    }),
    unanswered_flow_timeout: field.duration("100ms", "24h").prefault("5s").meta({
      description:
        "How long a flow may be silent whose client has sent one datagram, and whose target " +
        "none, if the upstream's `idle_timeout` is longer: source addresses can be forged",
    }),
    per_source: field.autoCount({ min: 0, max: MAX_SESSIONS }).prefault("auto").meta({
      description: "Sessions and flows at once of one source address (IPv6: its /64); `auto` = a " +
        "fifth of `sessions` (of `flows` if the listener has UDP alone), 100 at least; 0 = no " +
        "limit. Raise it if many clients come from one address: a NAT, or a proxy that sends no " +
        "PROXY header",
    }),
    new_per_source: field.rate(1_000_000).prefault("0/s").meta({
      description: "New sessions and flows of one source address, as a token bucket; 0/s = no " +
        "limit",
    }),
  }).prefault({}).meta({ description: "What the listener takes at most" }),
  routes: z.array(RouteSchema).min(1).meta({
    description: "Routes in order: the first that matches wins; what none matches is closed or " +
      "dropped",
  }),
});

const weight = field.count({ min: 1, max: 1000 }).prefault(1).meta({
  description: "Share of the sessions and flows, relative to the other targets",
});
const backup = z.boolean().prefault(false).meta({
  description: "Whether the target is used only while no other is available",
});

/** One target of an upstream: its address alone, or with what else is to be said of it. */
export const TargetSchema = z.union([
  field.targetAddress.transform((address) => ({ address, weight: 1, backup: false })),
  z.strictObject({
    address: field.targetAddress.meta({
      description: "`host:port`, `[v6]:port`, `unix:PATH` (TCP sessions only) or " +
        "`builtin:NAME` (hello, echo, discard, reset)",
    }),
    weight,
    backup,
  }),
], { error: () => 'an address such as "10.0.0.5:443" or a map with "address"' });

/** One upstream. */
export const UpstreamSchema = z.strictObject({
  targets: z.array(TargetSchema).min(1).meta({
    description: "Where sessions and flows go: addresses, or maps where there is more to say",
  }),
  balance: field.choice([
    "first",
    "random",
    "round_robin",
    "least_sessions",
    "source_ip",
    "source_socket",
    "maglev",
  ]).prefault("round_robin").meta({
    description: "Which target takes the next one: `first` available, `random`, `round_robin`, " +
      "`least_sessions`, or by a hash that stays: `source_ip` of the client's address, " +
      "`source_socket` of its address and port, `maglev` of its address with few moves when " +
      "targets change",
  }),
  connect_timeout: field.duration("1ms", "10m").prefault("5s").meta({
    description: "How long connecting to one target may take",
  }),
  retries: field.count({ min: 0, max: 32 }).prefault(2).meta({
    description: "Other targets tried when connecting fails; nothing of the client's is lost",
  }),
  send_proxy_protocol: field.choice(["off", "v1", "v2"]).prefault("off").meta({
    description:
      "PROXY protocol header sent first to the target, by checks too; `v2` also on UDP, " +
      "on a flow's first datagram (`AF_UNSPEC` on a wildcard address with `io: deno`)",
  }),
  idle_timeout: field.duration("1ms", "168h").exactOptional().meta({
    description: "How long nothing may pass either way; unset: `1h` for sessions, `30s` for flows",
  }),
  limits: z.strictObject({
    sessions_per_target: field.count({ min: 0, max: MAX_SESSIONS }).prefault(0).meta({
      description: "Sessions at once with one target, flows not counted; 0 = no limit",
    }),
  }).prefault({}).meta({ description: "What each target gets at most" }),
  faults: FaultsSchema.exactOptional().meta({
    description: "Faults for tests: what is done on purpose to sessions and flows",
  }),
  health: z.strictObject({
    interval: field.duration("0s", "24h").prefault("0s").meta({
      description:
        "Time between active checks of a target, give or take a tenth: 100ms or more; 0s = none",
    }),
    timeout: field.duration("1ms", "10m").prefault("2s").meta({
      description: "How long an active check may take, name resolution included",
    }),
    probe: field.choice(["tcp", "tls", "http"]).prefault("tcp").meta({
      description: "What an active check does: `tcp` connects, `tls` completes a handshake (1.2 " +
        "or 1.3, judging no certificate), `http` sends `GET /` and wants a status from 200 to 399",
    }),
    rise: field.count({ min: 1, max: 1000 }).prefault(2).meta({
      description: "Consecutive successful checks that bring a target back; they also end its " +
        "first ejection early",
    }),
    fall: field.count({ min: 1, max: 1000 }).prefault(3).meta({
      description:
        "Consecutive failed checks that take a target out; where its very first one fails, " +
        "that is enough",
    }),
    eject_after: field.count({ min: 0, max: 1_000_000 }).prefault(5).meta({
      description: "Consecutive failures of real traffic that eject a target, unless it is the " +
        "last usable one; 0 = never",
    }),
    eject_for: field.duration("1ms", "24h").prefault("10s").meta({
      description: "How long an ejected target stays out; twice as long each time it is ejected " +
        "again, up to 16 times",
    }),
    slow_start: field.duration("0s", "24h").prefault("0s").meta({
      description: "How long the share of a target that comes back grows, from a tenth of its " +
        "weight to all of it; 0s = all at once",
    }),
  }).prefault({}).meta({ description: "How targets that do not answer are found" }),
});

/** The whole configuration. */
export const ConfigSchema = z.strictObject({
  listeners: z.record(field.name, ListenerSchema).meta({
    description: "Listeners by name: addresses and the routes of what comes to them",
  }),
  upstreams: z.record(field.name, UpstreamSchema).meta({
    description: "Upstreams by name: targets and how one is picked",
  }),
  workers: z.union([z.literal("auto"), field.count({ min: 1, max: 256 })], {
    error: () => '"auto" or a whole number',
  }).prefault("auto").meta({
    title: '"auto" or number, 1 to 256',
    description: "Data-plane threads; `auto` = 1 on one or two cores, else one per spare core",
  }),
  io: field.choice(["auto", "deno", "libc"]).prefault("auto").meta({
    description: "Whose sockets carry the data; `auto` takes libc only where it is proven and " +
      "permitted. UDP on a wildcard address is answered from the address that was written to by " +
      "libc's sockets only: with Deno's, bind each address",
  }),
  dns: z.strictObject({
    min_ttl: field.duration("0s", "168h").prefault("30s").meta({
      description: "Least time that a resolved address is used",
    }),
    max_ttl: field.duration("1s", "168h").prefault("1h").meta({
      description: "Greatest time that a resolved address is used",
    }),
  }).prefault({}).meta({ description: "Names of targets" }),
  limits: z.strictObject({
    memory: field.autoSize("64MiB", "16384GiB").prefault("auto").meta({
      description: "Resident memory of the process: at 90% of it nothing new is taken, reason " +
        "`no_memory`, until it is below 80%; `auto` = three quarters of what the machine or its " +
        "control group has",
    }),
    detect_memory: field.size("1MiB", "64GiB").prefault("64MiB").meta({
      description: "What all sessions and flows together may hold while their protocols are found",
    }),
    relay_memory: field.size("1MiB", "64GiB").prefault("128MiB").meta({
      description: "What all sessions together may hold in large relay buffers, which busy ones " +
        "get; beyond it a session relays with 8 KiB each way",
    }),
  }).prefault({}).meta({ description: "What the whole process takes at most" }),
  log: z.strictObject({
    level: field.choice(["debug", "info", "warning", "error"]).prefault("info").meta({
      description: "The least important messages that are written",
    }),
    format: field.choice(["text", "json"]).prefault("text").meta({
      description: "Lines for people or for programs",
    }),
    access: z.boolean().prefault(true).meta({
      description: "Whether one line is written at the end of each session and flow",
    }),
    access_rate: field.rate(1_000_000).prefault("1000/s").meta({
      description:
        "Access lines per second in the whole process: 80% of them for what was served, " +
        "10% each for what failed at targets and what was refused; more are left out, and one " +
        "line tells how many. 0/s = no limit",
    }),
    template: field.accessTemplate.nullable().prefault(null).meta({
      title: "template or null",
      description: "Access lines in a form of your own: text with fields of the access line, or " +
        "`time`, in braces, such as `{time} {source} {target} {reason}`; null = as `format` says",
    }),
    file: z.string({ error: () => "a path or null" }).min(1).nullable().prefault(null).meta({
      title: "path or null",
      description: "Where to write, appending; opened again by SIGUSR2; null = standard error",
    }),
  }).prefault({}).meta({ description: "Logs" }),
  admin: z.strictObject({
    bind: field.adminAddress.prefault("127.0.0.1:9901").meta({
      description: "Where the admin address is: `IP:PORT` or `unix:PATH`; one that others can " +
        "reach needs `token_file`",
    }),
    token_file: z.string({ error: () => "a path or null" }).min(1).nullable().prefault(null).meta({
      title: "path or null",
      description: "File that holds the token which every change needs, and with a `bind` that " +
        "others can reach every request; read at the start and at every reload",
    }),
  }, { error: () => 'a map with "bind", or null' }).nullable().prefault({}).meta({
    description: "The admin address: metrics, sessions, reload, drain; on unless it is null. Who " +
      "is on this machine may read it, and change what runs unless there is a `token_file`",
  }),
  drain_timeout: field.duration("0s", "24h").prefault("30s").meta({
    description: "How long what runs may take to finish when shunt stops",
  }),
});

/** How bytes come: as a stream or in datagrams. */
export type Transport = z.output<typeof TransportSchema>;
/** The conditions of a route: all of them are needed, and of each list any element is enough. */
export type MatchConfig = Immutable<z.output<typeof MatchSchema>>;
/** One route of a listener. */
export type RouteConfig = Immutable<z.output<typeof RouteSchema>>;
/** One listener: durations in ms, sizes in bytes, rates per second. */
export type ListenerConfig = Immutable<z.output<typeof ListenerSchema>>;
/** One target of an upstream. */
export type TargetConfig = Immutable<z.output<typeof TargetSchema>>;
/** One upstream: durations in ms. */
export type UpstreamConfig = Immutable<z.output<typeof UpstreamSchema>>;
/** Faults: durations in ms, sizes in bytes, bandwidth in bytes per second, shares from 0 to 1. */
export type FaultsConfig = Immutable<z.output<typeof FaultsSchema>>;
/** How a target is picked. */
export type Balance = UpstreamConfig["balance"];
/** The whole configuration: durations in ms, sizes in bytes, rates per second. */
export type Config = Immutable<z.output<typeof ConfigSchema>>;
