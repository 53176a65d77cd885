/** A running shunt for tests of the admin address, which records its calls. */

import { request } from "node:http";
import { parseConfig } from "../../../src/config/load.ts";
import type { AdminConfig } from "../../../src/config/check_admin.ts";
import { type Admin, startAdmin } from "../../../src/admin/server.ts";
import type { Control, ReloadResult, RunState, SeenProxy } from "../../../src/admin/control.ts";
import { PROTOCOLS } from "../../../src/detect/mod.ts";
import type { LiveRecord } from "../../../src/observe/access/record.ts";
import { Counters } from "../../../src/observe/metrics/counters.ts";
import { type LiveQuery, selectLive } from "../../../src/observe/access/live.ts";
import type { Measures } from "../../../src/observe/metrics/measures.ts";
import { measuresOf } from "../observe/metrics/_measures.ts";

const CONFIG = `
listeners:
  edge: { bind: "127.0.0.1:0", routes: [{ upstream: web }] }
upstreams:
  web: { targets: ["10.0.0.5:443", "[2001:db8::1]:443", "unix:/run/app/web.sock"] }
`;

export const CONTROL_CONFIG = parseConfig(CONFIG, { file: "c.yaml", protocols: PROTOCOLS });

function record(i: number): LiveRecord {
  return {
    id: `01J${String(i).padStart(6, "0")}`,
    transport: "tcp",
    listener: i % 2 === 0 ? "edge" : "side",
    source: i % 3 === 0 ? `[2001:db8::${i}]:4711` : `192.0.2.${i % 250}:4711`,
    detected: i % 5 === 0
      ? undefined
      : { protocol: "tls", facts: { sni: `host${i}.example.com`, alpn: ["h2"] } },
    route: "routes[0]",
    upstream: "web",
    target: "10.0.0.5:443",
    up: i,
    down: 2 * i,
    detectMs: 1.23456,
    connectMs: undefined,
    durationMs: 1000.4,
  };
}

/** A control with changeable values, which records its calls. */
export class FakeControl implements Control, SeenProxy {
  readonly proxy = this;
  state: RunState = "ready";
  readonly startedAt: Date = new Date(Date.now() - 90_061_000);
  readonly uptime = 90_061_000;
  readonly config = CONTROL_CONFIG;
  readonly addresses = { edge: { tcp: ["127.0.0.1:4001"], udp: ["127.0.0.1:4001"] } };
  readonly io = "deno";
  readonly workers = 2;
  records: readonly LiveRecord[] = Array.from({ length: 250 }, (_, i) => record(i));
  reloaded: ReloadResult | Error = { ok: true, changed: ["upstreams.web"] };
  readonly asked: string[] = [];
  refusal: string | undefined;

  totals(): Counters {
    return Counters.sum(Object.values(this.stats()));
  }

  stats(): Record<string, Counters> {
    const counters = new Counters();
    const { sessions, flows } = counters;
    for (let i = 0; i < 1234; i++) sessions.begin();
    for (let i = 0; i < 1222; i++) sessions.end(i < 1200 ? "done" : "idle_timeout");
    for (let i = 0; i < 56; i++) flows.begin();
    for (let i = 0; i < 49; i++) flows.end("idle_timeout");
    sessions.carry(3_400_000, 120);
    return { edge: counters };
  }

  active(): { sessions: number; flows: number; detectMemory: number } {
    return { sessions: 12, flows: 7, detectMemory: 4096 };
  }

  upstreams(): ReturnType<Control["upstreams"]> {
    return [{
      name: "web",
      balance: "round_robin",
      targets: this.config.upstreams["web"]!.targets.map((_, i) => ({
        target: ["10.0.0.5:443", "[2001:db8::1]:443", "unix:/run/app/web.sock"][i]!,
        weight: 1,
        backup: i === 2,
        state: i === 1 ? "drain" : "ready",
        health: i === 0 ? "down" : "up",
        ...(i === 0 ? { since: "2026-01-02T03:04:05Z", last_error: "connection refused" } : {}),
        sessions: 4 * i,
        flows: 0,
        share: 1,
      })),
    }];
  }

  live(query: LiveQuery): Promise<readonly LiveRecord[]> {
    return Promise.resolve(selectLive(this.records, query));
  }

  setTarget(upstream: string, target: string, state: string): boolean {
    const known = this.upstreams().find(({ name }) => name === upstream)?.targets
      .some((one) => one.target === target) ?? false;
    if (known) this.asked.push(`${upstream} ${target} ${state}`);
    return known;
  }

  setFaults(upstream: string, faults: unknown): Promise<boolean> {
    const known = this.upstreams().some(({ name }) => name === upstream);
    if (known) this.asked.push(`${upstream} ${JSON.stringify(faults)}`);
    return Promise.resolve(known);
  }

  reload(): Promise<ReloadResult> {
    this.asked.push("reload");
    return this.reloaded instanceof Error
      ? Promise.reject(this.reloaded)
      : Promise.resolve(this.reloaded);
  }

  handOverRefusal(): string | undefined {
    return this.refusal;
  }

  prepareHandOver(): Promise<void> {
    return Promise.resolve();
  }

  drain(): void {
    this.asked.push("drain");
    this.state = "draining";
  }

  measures(): Measures {
    const targets = this.upstreams()[0]!.targets.map(({ target }) => target);
    const measures = measuresOf({ listeners: [], targets });
    const listener = measuresOf({ listeners: ["edge"], targets: [] }).listeners[0]!;
    return { ...measures, listeners: [{ ...listener, counters: this.stats()["edge"]! }] };
  }

  metrics(): Promise<Blob> {
    const text = "# TYPE shunt_sessions_total counter\nshunt_sessions_total 1234\n";
    return Promise.resolve(new Blob([text]));
  }
}

/** A token that is long enough. */
export const TOKEN = "correct-horse-battery-staple";

/** An admin address for one test; on a free port of loopback unless said otherwise. */
export interface TestAdmin extends AsyncDisposable {
  readonly admin: Admin;
  readonly control: FakeControl;
  readonly ask: (method: string, path: string, options?: AskOptions) => Promise<Asked>;
}

export async function startTestAdmin(config: Partial<AdminConfig> = {}): Promise<TestAdmin> {
  const control = new FakeControl();
  const admin = await startAdmin({ bind: "127.0.0.1:0", token_file: null, ...config }, control);
  return {
    admin,
    control,
    ask: (method, path, options) => ask(admin.address!, method, path, options),
    [Symbol.asyncDispose]: () => admin.close(),
  };
}

/** Writes a token where only its owner reads it. */
export async function writeToken(dir: string, token: string = TOKEN): Promise<string> {
  const path = `${dir}/token`;
  await Deno.writeTextFile(path, `${token}\n`, { mode: 0o600 });
  return path;
}

/** The parts of a request besides its path. */
export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An answer. */
export interface Asked {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Sends a request with exactly these headers, Host included, which `fetch` would choose itself. */
export function ask(
  address: string,
  method: string,
  path: string,
  { headers = {}, body = "" }: AskOptions = {},
): Promise<Asked> {
  const { promise, resolve, reject } = Promise.withResolvers<Asked>();
  const unix = address.startsWith("unix:");
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const to = unix ? { socketPath: address.slice(5) } : { host: "127.0.0.1", port };
  const length = body === "" ? {} : { "content-length": String(body.length) };
  const all = { host: unix ? "localhost" : address, ...length, ...headers };
  const sent = request({ ...to, method, path, agent: false, headers: all }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (part: string) => text += part);
    response.on("error", reject);
    response.on(
      "end",
      () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
    );
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}
