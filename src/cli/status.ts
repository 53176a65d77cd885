/**
 * `shunt status`: shows once how a running shunt is doing.
 *
 * @module
 */

import type { z } from "zod";
import { StatusSchema, UpstreamsSchema } from "../admin/answers.ts";
import { formatAge, formatBytes } from "../admin/units.ts";
import { ADMIN_HELP, ADMIN_OPTIONS, expectBody, openAdmin } from "../service/admin_client.ts";
import { formatTable, harmless } from "./table.ts";
import type { Options, Terminal } from "../service/options.ts";
import type { Verb } from "./verb.ts";

const HELP = `Usage: shunt status [-c FILE | --admin ADDRESS] [--json]

Shows how a running shunt is doing: listeners, upstreams with their targets, sessions and flows.

${ADMIN_HELP}
  --json               as JSON: the answers of GET /api/status and /api/upstreams

Exit codes: 0 it answered, 1 no answer, 2 bad usage or bad configuration`;

type Status = z.output<typeof StatusSchema>;
type Upstreams = z.output<typeof UpstreamsSchema>["upstreams"];

async function run(options: Options, terminal: Terminal): Promise<number> {
  const admin = await openAdmin(options);
  const first = await admin.ask("GET", "/api/status");
  const second = await admin.ask("GET", "/api/upstreams");
  const status = expectBody(first, StatusSchema);
  const { upstreams } = expectBody(second, UpstreamsSchema);
  if (options.has("json")) {
    terminal.out(JSON.stringify({ ...toMap(first.body), ...toMap(second.body) }, undefined, 2));
    return 0;
  }
  for (const line of [...head(status), "", ...listeners(status), "", ...targets(upstreams)]) {
    terminal.out(line);
  }
  return 0;
}

function toMap(body: unknown): object {
  return typeof body === "object" && body !== null ? body : {};
}

function head(status: Status): string[] {
  const { version, state, pid, uptime_s, io, workers, admin, active, totals } = status;
  return [
    `shunt ${version} is ${state}: pid ${pid}, up ${
      formatAge(uptime_s)
    }, io ${io}, workers ${workers}, ` +
    `admin ${admin}`,
    `now: ${active.sessions} sessions, ${active.flows} flows; so far: ${totals.sessions_total} ` +
    `sessions, ${totals.flows_total} flows, ${formatBytes(totals.bytes_up)} up, ` +
    `${formatBytes(totals.bytes_down)} down`,
  ].map(harmless);
}

function listeners(status: Status): string[] {
  const rows = Object.entries(status.listeners).flatMap(([name, { tcp, udp, counters }]) => {
    const { sessions_active, flows_active, bytes_up, bytes_down } = counters;
    const carried = [formatBytes(bytes_up), formatBytes(bytes_down)];
    const addresses = [...tcp.map((at) => `tcp ${at}`), ...udp.map((at) => `udp ${at}`)];
    const [first = "", ...rest] = addresses;
    return [
      [name, first, sessions_active, flows_active, ...carried],
      ...rest.map((address) => ["", address]),
    ];
  });
  return formatTable([["LISTENER", "ADDRESS", "SESSIONS", "FLOWS", "UP", "DOWN"], ...rows]);
}

function targets(upstreams: Upstreams): string[] {
  const rows = upstreams.flatMap(({ name, targets }) =>
    targets.map((target, i) => [
      i === 0 ? name : "",
      harmless(target.target),
      target.backup ? `${target.state}, backup` : target.state,
      target.share < 1 ? `${target.health}, ${Math.round(100 * target.share)} %` : target.health,
      target.sessions,
      target.flows,
      harmless(note(target)),
    ])
  );
  const title = ["UPSTREAM", "TARGET", "STATE", "HEALTH", "SESSIONS", "FLOWS", ""];
  return formatTable([title, ...rows]);
}

function note({ health, since, last_error }: Upstreams[number]["targets"][number]): string {
  if (health === "up" || health === "unchecked") return "";
  return [since === undefined ? "" : `since ${since}`, last_error ?? ""].filter((part) =>
    part !== ""
  )
    .join(": ");
}

/** The verb `status`. */
export const statusVerb: Verb = {
  name: "status",
  summary: "show how a running shunt is doing",
  help: HELP,
  options: { ...ADMIN_OPTIONS, boolean: ["json"] },
  run,
};
