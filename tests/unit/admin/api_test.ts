import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { configure, dispose, type LogRecord } from "@logtape/logtape";
import { OPERATIONS } from "../../../src/admin/operations.ts";
import { type Asked, type AskOptions, startTestAdmin } from "./_control.ts";

const CHANGE = { headers: { "x-shunt": "1" } };

function patch(state: unknown): AskOptions {
  return {
    headers: { "content-type": "application/json" },
    body: typeof state === "string" ? state : JSON.stringify({ state: "drain" }),
  };
}

function json({ text }: Asked): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}

Deno.test("admin api: health, readiness and metrics are plain text", async () => {
  await using shunt = await startTestAdmin();
  const table: readonly (readonly [string, string, number, string])[] = [
    ["/healthz", "ready", 200, "ok\n"],
    ["/readyz", "ready", 200, "ready\n"],
    ["/readyz", "starting", 503, "starting\n"],
    ["/readyz", "draining", 503, "draining\n"],
    ["/healthz", "draining", 200, "ok\n"],
  ];
  for (const [path, state, status, text] of table) {
    shunt.control.state = state as "ready";
    const answer = await shunt.ask("GET", path);
    assertEquals([path, answer.status, answer.text], [path, status, text]);
  }
  const metrics = await shunt.ask("GET", "/metrics");
  assertEquals(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  assertEquals(metrics.text, await (await shunt.control.metrics()).text());
  assertStringIncludes((await shunt.ask("GET", "/")).text, "POST  /api/reload");
});

Deno.test("admin api: status sums up what runs", async () => {
  await using shunt = await startTestAdmin();
  const status = json(await shunt.ask("GET", "/api/status"));
  assertEquals(
    [status["pid"], status["state"], status["io"], status["workers"], status["admin"]],
    [Deno.pid, "ready", "deno", 2, shunt.admin.address],
  );
  assertEquals(status["active"], { sessions: 12, flows: 7, detect_memory_bytes: 4096 });
  const { sessions_total, closes } = status["totals"] as { sessions_total: number; closes: object };
  assertEquals([sessions_total, Reflect.get(closes, "done")], [1234, 1200]);
  assertEquals(status["uptime_s"], 90_061);
});

Deno.test("admin api: sessions come page by page and none twice", async () => {
  await using shunt = await startTestAdmin();
  const ids: string[] = [];
  let after = "";
  for (let pages = 1;; pages++) {
    const { items, next, total } = json(
      await shunt.ask("GET", `/api/sessions?limit=60${after}`),
    ) as { items: { id: string }[]; next: string | null; total: number };
    ids.push(...items.map(({ id }) => id));
    assertEquals(total, 12);
    if (next === null) {
      assertEquals(pages, 5);
      break;
    }
    after = `&after=${next}`;
  }
  assertEquals(ids, shunt.control.records.map(({ id }) => id));
  const { items } = json(await shunt.ask("GET", "/api/flows")) as { items: unknown[] };
  assertEquals(items.length, 100);
  assertEquals(items[1], {
    id: "01J000001",
    transport: "tcp",
    listener: "side",
    source: "192.0.2.1:4711",
    protocol: "tls",
    sni: "host1.example.com",
    alpn: ["h2"],
    route: "routes[0]",
    upstream: "web",
    target: "10.0.0.5:443",
    bytes_up: 1,
    bytes_down: 2,
    detect_ms: 1.235,
    age_ms: 1000,
  });
});

const FILTERS: readonly (readonly [string, number])[] = [
  ["listener=side", 125],
  ["listener=side&protocol=tls", 100],
  ["source=192.0.2.1", 1],
  ["source=192.0.2.1:4711", 1],
  ["source=2001:db8::3", 1],
  ["upstream=other", 0],
  ["target=10.0.0.5:443&q=HOST11.", 1],
  ["after=01J000248", 1],
];

Deno.test("admin api: sessions are filtered by every field", async () => {
  await using shunt = await startTestAdmin();
  for (const [query, count] of FILTERS) {
    const { items } = json(await shunt.ask("GET", `/api/sessions?limit=1000&${query}`));
    assertEquals([query, (items as unknown[]).length], [query, count]);
  }
});

Deno.test("admin api: the configuration is shown as it is written", async () => {
  await using shunt = await startTestAdmin();
  const config = json(await shunt.ask("GET", "/api/config"));
  const { web } = config["upstreams"] as { web: { targets: { address: string }[] } };
  assertEquals(web.targets.map(({ address }) => address), [
    "10.0.0.5:443",
    "[2001:db8::1]:443",
    "unix:/run/app/web.sock",
  ]);
});

Deno.test("admin api: a target is found however its address is encoded", async () => {
  await using shunt = await startTestAdmin();
  const table = [
    ["10.0.0.5:443", "10.0.0.5:443"],
    ["10.0.0.5%3A443", "10.0.0.5:443"],
    ["[2001:db8::1]:443", "[2001:db8::1]:443"],
    ["%5B2001%3Adb8%3A%3A1%5D%3A443", "[2001:db8::1]:443"],
    ["unix:/run/app/web.sock", "unix:/run/app/web.sock"],
    ["unix%3A%2Frun%2Fapp%2Fweb.sock", "unix:/run/app/web.sock"],
  ] as const;
  for (const [path, target] of table) {
    const answer = await shunt.ask("PATCH", `/api/upstreams/web/targets/${path}`, patch({}));
    assertEquals([path, answer.status], [path, 200]);
    assertEquals(json(answer), { upstream: "web", target, state: "drain" });
    assertEquals(shunt.control.asked.pop(), `web ${target} drain`);
  }
});

Deno.test("admin api: reload reports what changed, or what is wrong", async () => {
  await using shunt = await startTestAdmin();
  const done = await shunt.ask("POST", "/api/reload", CHANGE);
  assertEquals([done.status, json(done)], [200, { changed: ["upstreams.web"] }]);
  const problems = ["c.yaml:3:4: error: listeners: Expected a map"];
  shunt.control.reloaded = { ok: false, problems };
  const refused = await shunt.ask("POST", "/api/reload", CHANGE);
  assertEquals([refused.status, json(refused)["problems"]], [422, problems]);
  shunt.control.reloaded = new Error("secret inside");
  const broken = await shunt.ask("POST", "/api/reload", CHANGE);
  assertEquals(broken.status, 500);
  assert(!broken.text.includes("secret"));
  assertEquals(shunt.control.asked, ["reload", "reload", "reload"]);
});

Deno.test("admin api: a client may ask whether it would hand over, and is refused while another drains", async () => {
  await using shunt = await startTestAdmin();
  const handOver = (how: string) => shunt.ask("POST", `/api/drain?handover=${how}`, CHANGE);
  assertEquals((await handOver("ask")).status, 200);
  shunt.control.refusal = "Process 7 still drains";
  for (const how of ["ask", "true"]) {
    const answer = await handOver(how);
    assertEquals([answer.status, json(answer).error], [409, {
      code: "cannot_hand_over",
      message: "Process 7 still drains",
    }]);
  }
  assertEquals([shunt.control.asked, shunt.control.state], [[], "ready"]);
  assertEquals((await handOver("false")).status, 202);
});

Deno.test("admin api: drain is answered before it is complete", async () => {
  await using shunt = await startTestAdmin();
  const answer = await shunt.ask("POST", "/api/drain", CHANGE);
  assertEquals([answer.status, json(answer)], [
    202,
    { state: "draining", sessions: 12, flows: 7 },
  ]);
  assertEquals((await shunt.ask("GET", "/readyz")).status, 503);
});

const TARGET = "/api/upstreams/web/targets/10.0.0.5:443";
const WRONG: readonly (readonly [string, string, AskOptions, number, string])[] = [
  ["GET", "/nothing", {}, 404, "not_found"],
  ["GET", "//example.com/healthz", {}, 404, "not_found"],
  ["GET", "/api/sessions?limit=0", {}, 400, "bad_request"],
  ["GET", "/api/sessions?limit=1001", {}, 400, "bad_request"],
  ["GET", "/api/sessions?limit=ten", {}, 400, "bad_request"],
  ["GET", "/api/sessions?colour=red", {}, 400, "bad_request"],
  ["GET", `/api/sessions?q=${"x".repeat(256)}`, {}, 400, "bad_request"],
  ["DELETE", "/api/sessions", CHANGE, 405, "method_not_allowed"],
  ["OPTIONS", "/api/reload", {}, 405, "method_not_allowed"],
  ["GET", "/api/reload", {}, 405, "method_not_allowed"],
  ["GET", TARGET, {}, 405, "method_not_allowed"],
  ["PATCH", TARGET, { ...CHANGE, body: "state=drain" }, 400, "bad_json"],
  ["PATCH", "/api/upstreams/web/nothing", patch("{}"), 404, "not_found"],
  ["PATCH", TARGET, patch("{"), 400, "bad_json"],
  ["PATCH", TARGET, patch(""), 400, "bad_json"],
  ["PATCH", TARGET, patch("[]"), 400, "bad_request"],
  ["PATCH", TARGET, patch('{"state":"gone"}'), 400, "bad_request"],
  ["PATCH", TARGET, patch('{"state":"drain","x":1}'), 400, "bad_request"],
  ["PATCH", TARGET, patch(`"${"x".repeat(4096)}"`), 413, "body_too_long"],
  ["PATCH", "/api/upstreams/web/targets/10.0.0.6:443", patch({}), 404, "unknown_target"],
  ["PATCH", "/api/upstreams/web/targets/%ff", patch({}), 404, "unknown_target"],
  ["PATCH", "/api/upstreams/wep/targets/10.0.0.5:443", patch({}), 404, "unknown_upstream"],
  ["PATCH", "/api/upstreams/__proto__/targets/x", patch({}), 404, "unknown_upstream"],
];

Deno.test("admin api: wrong input is refused with a code and a message", async () => {
  await using shunt = await startTestAdmin();
  for (const [method, path, options, status, code] of WRONG) {
    const answer = await shunt.ask(method, path, options);
    const { error } = json(answer) as { error: { code: string; message: string } };
    assertEquals([method, path, answer.status, error.code], [method, path, status, code]);
    assert(error.message.length > 10 && !error.message.endsWith("."), error.message);
  }
  assertEquals(shunt.control.asked, []);
  const { headers } = await shunt.ask("PUT", "/api/status", CHANGE);
  assertEquals(headers["allow"], "GET, HEAD");
});

Deno.test("admin api: HEAD answers as GET does, without a body", async () => {
  await using shunt = await startTestAdmin();
  for (const path of ["/healthz", "/api/upstreams", "/metrics", "/nothing"]) {
    const [get, head] = [await shunt.ask("GET", path), await shunt.ask("HEAD", path)];
    assertEquals([head.status, head.text], [get.status, ""]);
    assertEquals(head.headers["content-length"], get.headers["content-length"]);
  }
});

Deno.test("admin api: no answer may be cached, framed, sniffed or shared with other sites", async () => {
  await using shunt = await startTestAdmin();
  for (const path of ["/", "/api/status", "/nothing"]) {
    const { headers } = await shunt.ask("GET", path, { headers: { origin: "http://evil.test" } });
    assertEquals(headers["cache-control"], "no-store");
    assertEquals(headers["x-content-type-options"], "nosniff");
    assertEquals(headers["cross-origin-resource-policy"], "same-origin");
    assertStringIncludes(String(headers["content-security-policy"]), "default-src 'none'");
    assertEquals(headers["access-control-allow-origin"], undefined);
  }
});

Deno.test("admin api: every operation has a place in the table once", () => {
  const names = OPERATIONS.map(({ method, path }) => `${method} ${path}`);
  assertEquals(new Set(names).size, names.length);
});

Deno.test("admin api: for an unknown path, answer and log repeat only its beginning", async () => {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [
      { category: ["shunt", "admin"], lowestLevel: "info", sinks: ["memory"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
    ],
  });
  try {
    await using shunt = await startTestAdmin();
    const { status, text } = await shunt.ask("POST", `/${"x".repeat(10_000)}`, CHANGE);
    assertEquals([status, text.length < 400], [404, true]);
    assertEquals(records.map(({ properties }) => properties["path"]), [`/${"x".repeat(254)}…`]);
  } finally {
    await dispose();
  }
});
