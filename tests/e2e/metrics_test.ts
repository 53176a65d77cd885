import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { METRICS } from "../../src/observe/metrics/metrics.ts";
import { type ShuntProcess, withShunt } from "./_process.ts";
import {
  bytes,
  connect,
  echo,
  readAll,
  readExactly,
  serveTcp,
  startShunt,
  until,
  writeAll,
} from "./_shunt.ts";
import { run, Tool } from "./_tools.ts";

const DEPLOY = `${import.meta.dirname}/../../deploy`;

const REQUEST = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

function yamlTo(port: number, more = ""): string {
  return `
listeners:
  edge:
    bind: "127.0.0.1:0"
    routes:
      - { match: { protocol: http }, upstream: web }
      - { match: { protocol: ssh }, upstream: gone }
      - { upstream: web }
upstreams:
  web: { targets: ["127.0.0.1:${port}"], health: { interval: 100ms } }
  gone: { targets: ["127.0.0.1:1"], retries: 0 }
${more}
admin: { bind: "127.0.0.1:0" }
`;
}

async function scrape(shunt: ShuntProcess): Promise<string> {
  const response = await fetch(`http://${shunt.ready.admin}/metrics`);
  assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  return await response.text();
}

/** Returns the value of a series, or `undefined` if there is none. */
function valueOf(text: string, series: string): number | undefined {
  const line = text.split("\n").find((line) => line.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

async function ask(port: number, request: string): Promise<void> {
  const conn = await connect(port);
  await writeAll(conn, bytes(request));
  await conn.closeWrite();
  await readAll(conn).catch(() => {});
  conn.close();
}

async function datagram(port: number): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  await socket.send(bytes("hello"), { transport: "udp", hostname: "127.0.0.1", port });
  socket.close();
}

Deno.test("metrics: a real scrape passes promtool and shows what has happened", async () => {
  await using target = serveTcp(echo);
  await withShunt(yamlTo(target.port), async (shunt) => {
    await ask(shunt.port(), REQUEST);
    await ask(shunt.port(), "SSH-2.0-x\r\n");
    await datagram(shunt.port());
    const ended = 'shunt_closes_total{listener="edge",transport="tcp",reason="connect_refused"}';
    const checked = 'shunt_target_checks_total{upstream="web",target="127.0.0.1:' +
      `${target.port}",result="ok"}`;
    let text = "";
    await until(async () => {
      text = await scrape(shunt);
      return valueOf(text, ended) === 1 && valueOf(text, checked)! > 0 &&
        valueOf(text, 'shunt_flows_total{listener="edge"}') === 1;
    }, "what was done to be counted");
    await run("promtool", ["check", "metrics"], bytes(text));
    const up = 'shunt_bytes_total{listener="edge",transport="tcp",direction="up"}';
    const expected: readonly (readonly [string, number])[] = [
      ['shunt_sessions_total{listener="edge"}', 2],
      ['shunt_sessions_active{listener="edge"}', 0],
      ['shunt_closes_total{listener="edge",transport="tcp",reason="done"}', 1],
      ['shunt_detected_total{listener="edge",transport="tcp",protocol="http"}', 1],
      ['shunt_detected_total{listener="edge",transport="tcp",protocol="ssh"}', 1],
      ['shunt_detected_total{listener="edge",transport="udp",protocol="none"}', 1],
      [
        'shunt_route_matches_total{listener="edge",transport="tcp",route="routes[1]",upstream="gone"}',
        1,
      ],
      ['shunt_detect_seconds_count{listener="edge",transport="tcp"}', 2],
      ['shunt_session_seconds_count{listener="edge"}', 2],
      ['shunt_connect_seconds_count{upstream="web",transport="tcp"}', 1],
      [`shunt_target_sessions_total{upstream="web",target="127.0.0.1:${target.port}"}`, 1],
      ['shunt_target_failures_total{upstream="gone",target="127.0.0.1:1"}', 1],
      [`shunt_target_up{upstream="web",target="127.0.0.1:${target.port}"}`, 1],
      ['shunt_worker_up{worker="0"}', 1],
      ["shunt_ready", 1],
      [up, REQUEST.length],
    ];
    for (const [series, value] of expected) assertEquals(valueOf(text, series), value, series);
    for (const { name } of METRICS) assertStringIncludes(text, `# TYPE ${name} `);
  });
});

Deno.test("metrics: a real Prometheus scrapes shunt and answers a query", async () => {
  await using target = serveTcp(echo);
  await withShunt(yamlTo(target.port), async (shunt) => {
    await ask(shunt.port(), REQUEST);
    const folder = await Deno.makeTempDir({ prefix: "shunt-prometheus-" });
    try {
      await Deno.writeTextFile(
        `${folder}/prometheus.yml`,
        `global: { scrape_interval: 200ms, evaluation_interval: 200ms }
rule_files: [${JSON.stringify(await Deno.realPath(`${DEPLOY}/prometheus/alerts.yaml`))}]
scrape_configs:
  - job_name: shunt
    static_configs: [{ targets: ["${shunt.ready.admin}"] }]
`,
      );
      await using prometheus = new Tool("prometheus", [
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/data`,
        "--web.listen-address=127.0.0.1:0",
        "--log.level=info",
      ]);
      const [, address] = await prometheus.says(/Listening on.*address=(127\.0\.0\.1:\d+)/);
      await until(async () => {
        const ready = await fetch(`http://${address}/-/ready`);
        await ready.body?.cancel();
        return ready.ok;
      }, "Prometheus to be ready");
      let found: readonly Result[] = [];
      await until(async () => {
        found = await query(address!, 'shunt_sessions_total{job="shunt",listener="edge"}');
        return found.length > 0;
      }, "Prometheus to know shunt's sessions");
      assertEquals(found.map(({ value }) => value[1]), ["1"]);
      await until(async () => {
        const bytes = 'sum by (direction) (shunt_bytes_total{transport="tcp"})';
        const found = await query(address!, bytes);
        return found.length === 2 && found.every(({ value }) => +value[1] === REQUEST.length);
      }, "Prometheus to know shunt's bytes");
      const firing = await query(address!, 'ALERTS{alertstate="firing"}');
      assertEquals(firing, [], "a healthy shunt raises no alert");
      await checkDashboard(address!);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});

/** One element of an instant vector. */
interface Result {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

async function query(address: string, expression: string): Promise<readonly Result[]> {
  const url = `http://${address}/api/v1/query?query=${encodeURIComponent(expression)}`;
  const answer = await (await fetch(url)).json();
  assertEquals(answer.status, "success", `${expression}: ${answer.error}`);
  return answer.data.result;
}

/** Prometheus has to understand every expression of the dashboard. */
async function checkDashboard(address: string): Promise<void> {
  const dashboard = JSON.parse(await Deno.readTextFile(`${DEPLOY}/grafana/shunt.json`));
  let asked = 0;
  for (const { targets = [] } of dashboard.panels) {
    for (const { expr } of targets) {
      await query(address, expr.replaceAll("$__rate_interval", "1m").replaceAll(/\$\w+/g, ".*"));
      asked++;
    }
  }
  assert(asked > 20, `${asked} expressions`);
}

Deno.test("metrics: promtool accepts the alert rules", async () => {
  await run("promtool", ["check", "rules", `${DEPLOY}/prometheus/alerts.yaml`]);
});

Deno.test("metrics: the bytes of a session that runs are counted before it ends", async () => {
  await using target = serveTcp(echo);
  await using shunt = await startShunt(yamlTo(target.port, "io: auto"));
  const conn = await connect(shunt.port());
  await writeAll(conn, bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  await readExactly(conn, 27);
  await until(() => shunt.counters().bytesDown === 27, "the bytes to be counted", 2000);
  assertEquals(shunt.counters().sessionsActive, 1);
  await writeAll(conn, bytes("abc"));
  await readExactly(conn, 3);
  conn.close();
  await until(() => shunt.counters().sessionsActive === 0, "the session to end");
  assertEquals([shunt.counters().bytesUp, shunt.counters().bytesDown], [30, 30]);
});

Deno.test("metrics: counters go on through a reload, and the reload is counted", async () => {
  await using target = serveTcp(echo);
  await withShunt(yamlTo(target.port), async (shunt) => {
    await ask(shunt.port(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const again = await fetch(`http://${shunt.ready.admin}/api/reload`, {
      method: "POST",
      headers: { "X-Shunt": "1" },
    });
    assertEquals(await again.json(), { changed: [] });
    const text = await scrape(shunt);
    assertEquals(valueOf(text, 'shunt_sessions_total{listener="edge"}'), 1);
    assertEquals(valueOf(text, 'shunt_reloads_total{result="unchanged"}'), 1);
    assertEquals(valueOf(text, "shunt_last_reload_ok"), 1);
  });
});

Deno.test("metrics: 50 listeners and 200 targets are scraped in less than 20 ms", async () => {
  const listeners = Array.from(
    { length: 50 },
    (_, i) => `  l${i}: { bind: "127.0.0.1:0", routes: [{ upstream: web }] }`,
  );
  const targets = Array.from({ length: 200 }, (_, i) => `"10.0.${i}.1:443"`);
  const yaml = `
listeners:
${listeners.join("\n")}
upstreams: { web: { targets: [${targets.join(", ")}] } }
admin: { bind: "127.0.0.1:0" }
`;
  await withShunt(yaml, async (shunt) => {
    let best = Infinity;
    for (let i = 0; i < 20; i++) {
      const begun = performance.now();
      await scrape(shunt);
      best = Math.min(best, performance.now() - begun);
    }
    assertLess(best, 20, `${best} ms`);
  });
});
