/**
 * The schema of the configuration: its keys, defaults, types, JSON Schema and reference all come from
 * here. Knows what one value may be; check.ts knows how values depend on each other.
 *
 * @module
 */

import { z } from "zod";
import { byName, CONDITIONS, FACT_NAMES } from "../facts/mod.ts";
import { networks } from "../facts/networks.ts";
import * as field from "./fields.ts";

/** The output of an object schema, read-only at all depths. */
type Immutable<T> = T extends readonly (infer U)[] ? readonly Immutable<U>[]
  : T extends object ? { readonly [K in keyof T]: Immutable<T[K]> }
  : T;

const MAX_SESSIONS = 10_000_000;

/** How bytes arrive: as a stream or in datagrams. */
const TransportSchema = field.choice(["tcp", "udp"]);

/** The conditions of a route. */
export const MatchSchema = z.strictObject({
  protocol: field.list(field.protocol, { what: "a protocol" }).exactOptional().meta({
    description: "Protocol of the first bytes: one that shunt detects, `unknown` (no detector " +
      "knows the bytes) or `silent` (no bytes within `detect.timeout`; TCP only). If clients ask " +
      "for TLS first, as those of `postgres` do, a route that names the protocol and asks for a fact " +
      "of the hello makes shunt answer them and read it (docs/names.md)",
  }),
  ...byName(FACT_NAMES, (name) => {
    const { kind, description } = CONDITIONS[name];
    return field.patterns(kind).exactOptional().meta({ description });
  }),
  source: field.patterns(networks).exactOptional().meta({
    description: "The client's address",
  }),
});

/** Faults that shunt adds to sessions and flows, for tests of programs that talk through it. */
export const FaultsSchema = z.strictObject({
  probability: field.share.prefault("100%").meta({
    description: "Share of sessions and flows that get these faults",
  }),
  seed: field.count({ min: 0, max: 4_294_967_295 }).prefault(0).meta({
    description: "The same seed gives the same faults, in the order of sessions and flows of one " +
      "worker",
  }),
  latency: field.duration("0s", "10m").prefault("0s").meta({
    description: "Delay of bytes and datagrams, each way",
  }),
  jitter: field.duration("0s", "10m").prefault("0s").meta({
    description: "How far `latency` varies at random, up or down; TCP keeps its order, UDP may not",
  }),
  bandwidth: field.bandwidth.exactOptional().meta({
    description: "Bandwidth of one session or flow, each way; unset = no limit",
  }),
  blackhole: z.boolean().prefault(false).meta({
    description: "Whether nothing gets through in either direction while the connection stays open",
  }),
  reset_after: field.size("1B", "1GiB").exactOptional().meta({
    description: "TCP: reset both sides after this many bytes, both ways together; unset = never",
  }),
  slow_close: field.duration("0s", "10m").prefault("0s").meta({
    description: "TCP: delay of the end of each direction",
  }),
  loss: field.share.prefault("0%").meta({ description: "UDP: share of datagrams that are lost" }),
  duplicate: field.share.prefault("0%").meta({
    description: "UDP: share of datagrams that are sent twice",
  }),
  reorder: field.share.prefault("0%").meta({
    description: "UDP: share of datagrams that are held back so that others overtake them",
  }),
  corrupt: field.share.prefault("0%").meta({
    description: "UDP: share of datagrams in which one bit is flipped",
  }),
});

/** One route of a listener. */
export const RouteSchema = z.strictObject({
  match: MatchSchema.exactOptional().meta({
    description: "Conditions: all must hold, and a list holds if any of its elements does; " +
      "without `match` the route takes everything left",
  }),
  upstream: field.reference.meta({ description: "The upstream for what matches" }),
  faults: FaultsSchema.exactOptional().meta({
    description: "Faults for tests, instead of the upstream's",
  }),
});

/** One listener. */
export const ListenerSchema = z.strictObject({
  bind: field.list(field.bindAddress, { what: 'an address such as "0.0.0.0:443"' }).meta({
    description: "Addresses to listen on: an IP address or `localhost`, and a port; port 0 is " +
      "any free port, the same one for TCP and UDP",
  }),
  transports: field.list(TransportSchema, { what: '"tcp", "udp"' }).prefault(["tcp", "udp"]).meta({
    description: "What to listen for: `tcp`, `udp` or both",
  }),
  detect: z.strictObject({
    timeout: field.duration("10ms", "10m").prefault("3s").meta({
      description: "How long to wait for the bytes that show a client's protocol",
    }),
    on_timeout: field.choice(["fallthrough", "close"]).prefault("fallthrough").meta({
      description: "What to do after `timeout`: `fallthrough` routes by what was read so far, as " +
        "needed if servers speak first; `close` ends the session",
    }),
    on_unreadable: field.choice(["close", "fallthrough"]).exactOptional().meta({
      description: "What to do if the protocol is certain, but its name or another fact that " +
        "routes can ask for is too long, too slow or contradicts itself (see `detect_end` in the " +
        "access line). `close` ends the session or flow (`unreadable`), `fallthrough` routes it " +
        "without those facts. Unset: `close` if a route that asks for such a fact could have " +
        "matched. The same applies to too few bytes to be certain of a protocol, if such a route " +
        "could still match; a client that sends no bytes is `silent`",
    }),
    max_bytes: field.size("1KiB", "1MiB").prefault("64KiB").meta({
      description: "Most bytes to hold of one session or flow during detection",
    }),
  }).prefault({}).meta({ description: "How shunt finds the protocol of a session or flow" }),
  proxy_protocol: z.strictObject({
    accept: field.choice(["off", "optional", "required"]).prefault("off").meta({
      description: "Whether TCP sessions start with a PROXY protocol header: never, possibly, or " +
        "always. With `optional`, if a trusted peer adds no header, its clients can write one " +
        "themselves, with any source. A header has at most 107 bytes (v1) or 16 KiB (v2), and no " +
        "more than `detect.max_bytes`",
    }),
    trusted: field.patterns(networks, { empty: true })
      .prefault([]).meta({
        description: "Addresses that may send the header; needed unless `accept` is `off`. If it " +
          "is `required`, connections from other addresses are refused (`proxy_untrusted`)",
      }),
  }).prefault({}).meta({ description: "PROXY protocol headers of incoming connections; TCP only" }),
  limits: z.strictObject({
    sessions: field.count({ min: 1, max: MAX_SESSIONS }).prefault(10_000).meta({
      description: "Most TCP sessions at once",
    }),
    flows: field.count({ min: 1, max: MAX_SESSIONS }).prefault(20_000).meta({
      description: "Most UDP flows at once; a flow beyond that ends the oldest one whose client " +
        "has sent a single datagram and whose target has not answered",
    }),
    unanswered_flow_timeout: field.duration("100ms", "24h").prefault("5s").meta({
      description: "Idle timeout of a flow whose client has sent a single datagram and whose " +
        "target has not answered, if the upstream's `idle_timeout` is longer: source addresses " +
        "can be forged",
    }),
    per_source: field.autoCount({ min: 0, max: MAX_SESSIONS }).prefault("auto").meta({
      description: "Most sessions and flows at once of one source address (IPv6: its /64); " +
        "`auto` = a fifth of `sessions` (of `flows` if the listener has only UDP), at least 100; " +
        "0 = no limit. Raise it if many clients share one address: behind a NAT, or a proxy that " +
        "sends no PROXY header",
    }),
    new_per_source: field.rate(1_000_000).prefault("0/s").meta({
      description: "Most new sessions and flows per second of one source address, as a token " +
        "bucket; 0/s = no limit",
    }),
  }).prefault({}).meta({ description: "Limits of the listener" }),
  routes: z.array(RouteSchema).min(1).meta({
    description: "Routes in order: the first that matches wins; if none matches, a session is " +
      "closed and a datagram dropped",
  }),
});

const weight = field.count({ min: 1, max: 1000 }).prefault(1).meta({
  description: "Share of the sessions and flows, relative to the other targets",
});
const backup = z.boolean().prefault(false).meta({
  description: "Whether to use the target only while no other is available",
});

/** One target of an upstream: its address alone, or a map with its address and other settings. */
const TargetSchema = z.union([
  field.targetAddress.transform((address) => ({ address, weight: 1, backup: false })),
  z.strictObject({
    address: field.targetAddress.meta({
      description: "`host:port`, `[v6]:port`, `unix:PATH` (TCP sessions only) or `builtin:NAME` " +
        "(hello, echo, discard, reset)",
    }),
    weight,
    backup,
  }),
], { error: () => 'an address such as "10.0.0.5:443" or a map with "address"' });

/** One upstream. */
export const UpstreamSchema = z.strictObject({
  targets: z.array(TargetSchema).min(1).meta({
    description: "Where sessions and flows go: addresses, or maps with more settings",
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
    description: "How to pick a target: `first` available, `random`, `round_robin`, " +
      "`least_sessions`, or by a stable hash: `source_ip` of the client's address, " +
      "`source_socket` of its address and port, `maglev` of its address so that few clients move " +
      "when targets change",
  }),
  connect_timeout: field.duration("1ms", "10m").prefault("5s").meta({
    description: "How long connecting to one target may take",
  }),
  retries: field.count({ min: 0, max: 32 }).prefault(2).meta({
    description: "How many other targets to try if connecting fails; no byte of the client is lost",
  }),
  send_proxy_protocol: field.choice(["off", "v1", "v2"]).prefault("off").meta({
    description: "PROXY protocol header to send first to the target, also in health checks; `v2` " +
      "also on UDP, in a flow's first datagram (`AF_UNSPEC` on a wildcard address with `io: " +
      "deno`)",
  }),
  idle_timeout: field.duration("1ms", "168h").exactOptional().meta({
    description: "Ends a session or flow after this long without a byte either way; unset: `1h` " +
      "for sessions, `30s` for flows",
  }),
  limits: z.strictObject({
    sessions_per_target: field.count({ min: 0, max: MAX_SESSIONS }).prefault(0).meta({
      description: "Most sessions at once with one target, not counting flows; 0 = no limit",
    }),
  }).prefault({}).meta({ description: "Limits of each target" }),
  faults: FaultsSchema.exactOptional().meta({
    description: "Faults that shunt adds to sessions and flows, for tests",
  }),
  health: z.strictObject({
    interval: field.duration("0s", "24h").prefault("0s").meta({
      description: "Time between active checks of a target, give or take a tenth: 100ms or more; " +
        "0s = no checks",
    }),
    timeout: field.duration("1ms", "10m").prefault("2s").meta({
      description: "How long an active check may take, including name lookup",
    }),
    probe: field.choice(["tcp", "tls", "http"]).prefault("tcp").meta({
      description: "What an active check does: `tcp` connects, `tls` completes a handshake (1.2 " +
        "or 1.3, any certificate), `http` sends `GET /` and expects a status from 200 to 399",
    }),
    rise: field.count({ min: 1, max: 1000 }).prefault(2).meta({
      description: "Consecutive successful checks that bring a target back; they also end its " +
        "first ejection early",
    }),
    fall: field.count({ min: 1, max: 1000 }).prefault(3).meta({
      description: "Consecutive failed checks that take a target out; if its very first check " +
        "fails, that one is enough",
    }),
    eject_after: field.count({ min: 0, max: 1_000_000 }).prefault(5).meta({
      description: "Consecutive failures of real traffic that eject a target, unless it is the " +
        "last usable one; 0 = never",
    }),
    eject_for: field.duration("1ms", "24h").prefault("10s").meta({
      description: "How long an ejected target stays out; doubles each time it is ejected again, " +
        "up to 16 times as long",
    }),
    slow_start: field.duration("0s", "24h").prefault("0s").meta({
      description: "How long a target that comes back takes to grow from a tenth of its weight " +
        "to all of it; 0s = no slow start",
    }),
  }).prefault({}).meta({ description: "How shunt finds targets that do not answer" }),
});

/** The whole configuration. */
export const ConfigSchema = z.strictObject({
  listeners: z.record(field.name, ListenerSchema).meta({
    description: "Listeners by name: addresses and their routes",
  }),
  upstreams: z.record(field.name, UpstreamSchema).meta({
    description: "Upstreams by name: targets and how to pick one",
  }),
  workers: z.union([z.literal("auto"), field.count({ min: 1, max: 256 })], {
    error: () => '"auto" or a whole number',
  }).prefault("auto").meta({
    title: '"auto" or number, 1 to 256',
    description: "Data-plane threads; `auto` = 1 on one or two cores, else one per spare core",
  }),
  io: field.choice(["auto", "deno", "libc"]).prefault("auto").meta({
    description: "Sockets to use; `auto` uses libc's if they are proven on this system and " +
      "permitted. With Deno's, replies to UDP on a wildcard address may come from another " +
      "address than the one the client wrote to: bind each address",
  }),
  dns: z.strictObject({
    min_ttl: field.duration("0s", "168h").prefault("30s").meta({
      description: "Use a resolved address for at least this long",
    }),
    max_ttl: field.duration("1s", "168h").prefault("1h").meta({
      description: "Use a resolved address for at most this long",
    }),
  }).prefault({}).meta({ description: "Name lookups of targets" }),
  limits: z.strictObject({
    memory: field.autoSize("64MiB", "16384GiB").prefault("auto").meta({
      description: "Most resident memory of the process: at 90% of it shunt takes nothing new " +
        "(`no_memory`) until use is below 80%; `auto` = three quarters of what the machine or " +
        "its control group has",
    }),
    detect_memory: field.size("1MiB", "64GiB").prefault("64MiB").meta({
      description: "Most bytes that all sessions and flows together hold during detection",
    }),
    relay_memory: field.size("1MiB", "64GiB").prefault("128MiB").meta({
      description: "Most bytes in the large relay buffers that busy sessions get; beyond it, a " +
        "session relays with 8 KiB each way",
    }),
  }).prefault({}).meta({ description: "Limits of the whole process" }),
  log: z.strictObject({
    level: field.choice(["debug", "info", "warning", "error"]).prefault("info").meta({
      description: "Lowest level of the messages to write",
    }),
    format: field.choice(["text", "json"]).prefault("text").meta({
      description: "Lines for people (`text`) or for programs (`json`)",
    }),
    access: z.boolean().prefault(true).meta({
      description: "Whether to write one line at the end of each session and flow",
    }),
    access_rate: field.rate(1_000_000).prefault("1000/s").meta({
      description: "Most access lines per second in the whole process: 80% of them for sessions " +
        "and flows that were served, 10% each for those that failed at targets and those that " +
        "were refused. One line reports how many more were left out. 0/s = no limit",
    }),
    template: field.accessTemplate.nullable().prefault(null).meta({
      title: "template or null",
      description: "Your own format of access lines: text with fields of the access line, or " +
        "`time`, in braces, such as `{time} {source} {target} {reason}`; null = use `format`",
    }),
    file: z.string({ error: () => "a path or null" }).min(1).nullable().prefault(null).meta({
      title: "path or null",
      description: "File to append to; SIGUSR2 opens it again; null = standard error",
    }),
  }).prefault({}).meta({ description: "Logs" }),
  admin: z.strictObject({
    bind: field.adminAddress.prefault("127.0.0.1:9901").meta({
      description: "The admin address: `IP:PORT` or `unix:PATH`; an address that others can " +
        "reach needs `token_file`",
    }),
    token_file: z.string({ error: () => "a path or null" }).min(1).nullable().prefault(null).meta({
      title: "path or null",
      description: "File with the token that every change needs, and every request if others can " +
        "reach `bind`; read at the start and at every reload",
    }),
  }, { error: () => 'a map with "bind", or null' }).nullable().prefault({}).meta({
    description: "The admin address: metrics, sessions, reload, drain; null turns it off. Every " +
      "user of this machine can read it, and change what runs unless there is a `token_file`",
  }),
  drain_timeout: field.duration("0s", "24h").prefault("30s").meta({
    description: "How long sessions and flows may take to finish when shunt stops",
  }),
});

/** How bytes arrive: as a stream or in datagrams. */
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
