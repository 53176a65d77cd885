/**
 * The table of participants: the backends themselves, shunt's variants and its peers. A new variant
 * or peer is one line here.
 *
 * @module
 */

import { haproxyConfig } from "./config_haproxy.ts";
import { nginxConfig } from "./config_nginx.ts";
import { shuntConfig } from "./config_shunt.ts";
import { sslhConfig } from "./config_sslh.ts";
import type { Programs } from "./install.ts";
import type { Participant, Ports } from "./participant.ts";
import { freePort } from "./ports.ts";

/** A way to run shunt. */
interface Variant {
  readonly name: string;
  /** Values of `--set`. */
  readonly set: readonly string[];
}

/** Every way to run shunt; one that this version refuses as not supported yet is left out. */
const VARIANTS: readonly Variant[] = [
  { name: "shunt deno", set: ["io=deno"] },
  { name: "shunt libc", set: ["io=libc"] },
];

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
/** The end of the name of a participant that logs. */
export const LOGS = " + log";

function allPorts(): Required<Ports> {
  return { requests: freePort(), bulk: freePort(), tls: freePort(), udp: freePort() };
}

function name(plain: string, logs: boolean): string {
  return plain + (logs ? LOGS : "");
}

const direct: Participant = {
  name: "direct",
  kind: "direct",
  logs: false,
  cannot: { sni: "", memory: "", cold: "" },
  setUp: ({ backend }) => ({
    ports: { requests: backend.requests, bulk: backend.bulk, udp: backend.udp },
  }),
};

function shunt(variant: Variant, logs: boolean): Participant {
  return {
    name: name(variant.name, logs),
    kind: "shunt",
    logs,
    setUp(setting) {
      const ports = allPorts();
      const file = `${setting.folder}/shunt.yaml`;
      Deno.writeTextFileSync(file, shuntConfig(ports, setting, logs));
      // As the task and the builds start it.
      const flags = "--v8-flags=--max-semi-space-size=1";
      const command = [Deno.execPath(), "run", flags, "--no-prompt", "--allow-all", MAIN, "run"];
      const sets = variant.set.flatMap((set) => ["--set", set]);
      return { command: [...command, "-c", file, ...sets], ports };
    },
  };
}

function haproxy(program: string, logs: boolean): Participant {
  return {
    name: name("HAProxy", logs),
    kind: "peer",
    logs,
    setUp(setting) {
      const ports = { requests: freePort(), bulk: freePort(), tls: freePort() };
      const file = `${setting.folder}/haproxy.cfg`;
      Deno.writeTextFileSync(file, haproxyConfig(ports, setting, logs));
      return { command: [program, "-db", "-f", file], ports };
    },
  };
}

function nginx(program: string, logs: boolean): Participant {
  return {
    name: name("nginx", logs),
    kind: "peer",
    logs,
    setUp(setting) {
      const ports = allPorts();
      const file = `${setting.folder}/nginx.conf`;
      Deno.writeTextFileSync(file, nginxConfig(ports, setting, logs));
      return { command: [program, "-e", "stderr", "-p", setting.folder, "-c", file], ports };
    },
  };
}

/** The limits of select(), and of sslh 1.20 if a descriptor number is used again. */
const SELECT_CANNOT = {
  memory: "select() holds 1,024 descriptors",
  new: "it ends sessions whose descriptor number another one of the same wake just gave up",
  sni: "it ends sessions whose descriptor number another one of the same wake just gave up",
};
/** Used for what the other cannot do. */
const FORK_CANNOT = Object.fromEntries(
  ["bulk", "kept", "latency_tcp", "memory", "cold"].map((name) => [name, ""]),
);

function sslh(program: string): Participant {
  const forks = program.endsWith("sslh");
  const selects = program.endsWith("select");
  return {
    name: forks ? "sslh (fork)" : "sslh",
    kind: "peer",
    logs: false,
    forks,
    ...(selects ? { cannot: SELECT_CANNOT } : forks ? { cannot: FORK_CANNOT } : {}),
    setUp(setting) {
      const port = freePort();
      const file = `${setting.folder}/sslh.cfg`;
      Deno.writeTextFileSync(file, sslhConfig(port, setting));
      return {
        command: [program, `-F${file}`],
        ports: { requests: port, bulk: port, tls: port },
      };
    },
  };
}

/**
 * Lists the participants in the order in which they run.
 *
 * @param programs The peers that were found
 * @returns All of them, without and with logs
 */
export function listParticipants(programs: Programs): Participant[] {
  const list = [direct];
  for (const logs of [false, true]) {
    for (const variant of VARIANTS) list.push(shunt(variant, logs));
    if (programs.haproxy !== undefined) list.push(haproxy(programs.haproxy, logs));
    if (programs.nginx !== undefined) list.push(nginx(programs.nginx, logs));
    if (programs.sslh !== undefined && !logs) list.push(sslh(programs.sslh));
    if (programs.sslhFork !== undefined && !logs) list.push(sslh(programs.sslhFork));
  }
  return list;
}
