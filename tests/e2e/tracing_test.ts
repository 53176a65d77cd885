import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { OtlpReceiver, type Span } from "./_otlp.ts";
import { type LogLine, type ShuntProcess, withShunt } from "./_process.ts";
import { bytes, connect, readAll, until, writeAll } from "./_shunt.ts";

const YAML = `
listeners:
  edge:
    bind: 127.0.0.1:0
    routes:
      - match: { protocol: http, host: gone.test }
        upstream: gone
      - match: { protocol: http, host: nameless.test }
        upstream: nameless
      - match: { protocol: http }
        upstream: up
      - match: { protocol: unknown }
        upstream: up
upstreams:
  up: { targets: ["builtin:echo"], idle_timeout: 100ms }
  gone: { targets: ["127.0.0.1:1"], retries: 0 }
  nameless: { targets: ["nothing.invalid:1"], retries: 0, connect_timeout: 1s }
drain_timeout: 1s
`;

/** Sends an HTTP request; whether anything comes back is the test's matter. */
async function request(shunt: ShuntProcess, host: string): Promise<void> {
  using client = await connect(shunt.port());
  await writeAll(client, bytes(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`));
  await client.closeWrite();
  await readAll(client).catch(() => {});
}

/** Waits for the span of an access line, and those of its steps. */
async function spansOf(receiver: OtlpReceiver, line: LogLine): Promise<[Span, ...Span[]]> {
  const find = () => receiver.spans.find(({ attributes }) => attributes["shunt.id"] === line.id);
  await until(() => find() !== undefined, `the span of ${line.id}`);
  const session = find()!;
  const steps = () => receiver.spans.filter(({ parentSpanId }) => parentSpanId === session.spanId);
  return [session, ...steps().toSorted((a, b) => a.start - b.start)];
}

/** Spans have nanoseconds, access lines microseconds. */
function assertNear(actual: number, expected: number): void {
  assert(Math.abs(actual - expected) < 0.01, `${actual} is not ${expected}`);
}

function namesOf(spans: readonly Span[]): string[] {
  return spans.map(({ name }) => name);
}

for (const workers of ["1", "2"]) {
  Deno.test(`tracing: a span of each session, with its steps and the access line's fields, ${workers} worker`, async () => {
    await using receiver = new OtlpReceiver();
    await withShunt(YAML, async (shunt) => {
      const before = Date.now();
      await request(shunt, "a.test");
      const line = await shunt.ended({ reason: "done" });
      const [session, detect, to, relay, ...more] = await spansOf(receiver, line);
      assertEquals(namesOf([session, detect!, to!, relay!]), [
        "shunt.session",
        "shunt.detect",
        "shunt.connect",
        "shunt.relay",
      ]);
      assertEquals(more, []);
      assertEquals([session.status, session.parentSpanId], [0, ""]);
      const { attributes } = session;
      for (const field of ["id", "listener", "host", "route", "upstream", "target", "reason"]) {
        assertEquals(attributes[`shunt.${field}`], line[field], field);
      }
      assertEquals(attributes["shunt.bytes_up"], line.bytes_up);
      assertEquals(attributes["network.transport"], "tcp");
      assertEquals(attributes["network.protocol.name"], "http");
      assertEquals(
        `${attributes["client.address"]}:${attributes["client.port"]}`,
        line.source,
      );
      // Ids have milliseconds; spans are slightly less exact.
      assertGreaterOrEqual(session.start, before - 1);
      assertNear(session.end - session.start, Number(line.duration_ms));
      assertNear(detect!.end - session.start, Number(line.detect_ms));
      assertNear(to!.start, detect!.end);
      assertNear(to!.end - to!.start, Number(line.connect_ms));
      assertNear(relay!.end, session.end);
      for (const { traceId } of [detect!, to!, relay!]) assertEquals(traceId, session.traceId);
      assertEquals([...receiver.services], ["shunt-test"]);
    }, { args: ["--set", `workers=${workers}`], env: receiver.environment });
  });
}

Deno.test("tracing: a failure is an error in the step that failed", async () => {
  await using receiver = new OtlpReceiver();
  await withShunt(YAML, async (shunt) => {
    await request(shunt, "gone.test");
    const line = await shunt.ended({ upstream: "gone" });
    const [session, detect, to, ...more] = await spansOf(receiver, line);
    assertEquals(more, []);
    assertEquals([session.status, detect?.status, to?.status], [2, 0, 2]);
    assertEquals(session.attributes["error.type"], "connect_refused");
    assertEquals(session.message, line.error);
    assertNear(to!.end, session.end);
    await request(shunt, "nameless.test");
    const [, , resolve, ...others] = await spansOf(
      receiver,
      await shunt.ended({ upstream: "nameless" }),
    );
    assertEquals([resolve?.name, resolve?.status, others], ["shunt.resolve", 2, []]);
  }, { env: receiver.environment });
});

Deno.test("tracing: a flow has a span, and spans are exported when shunt stops", async () => {
  await using receiver = new OtlpReceiver();
  await withShunt(YAML, async (shunt) => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    await socket.send(bytes("hello"), {
      transport: "udp",
      hostname: "127.0.0.1",
      port: shunt.port(),
    });
    await socket.receive();
    socket.close();
    await shunt.ended({ transport: "udp" });
    await shunt.stop();
    const flow = receiver.spans.find(({ name }) => name === "shunt.flow");
    assertEquals(flow?.attributes["network.transport"], "udp");
    assertEquals(flow?.attributes["shunt.reason"], "idle_timeout");
  }, { env: { ...receiver.environment, OTEL_BSP_SCHEDULE_DELAY: "60000" }, ends: true });
});

Deno.test("tracing: log.access_rate limits the traces; metrics count everything", async () => {
  await using receiver = new OtlpReceiver();
  await withShunt(YAML, async (shunt) => {
    for (let i = 0; i < 30; i++) await request(shunt, "gone.test");
    await until(
      () =>
        receiver.points.some(({ name, value, attributes }) =>
          name === "shunt_closes_total" && value === 30 &&
          attributes.reason === "connect_refused" && attributes.listener === "edge"
        ),
      "the counter of closes",
    );
    await shunt.stop();
    const traced = receiver.spans.filter(({ name }) => name === "shunt.session").length;
    assert(traced >= 5 && traced < 25, `${traced} traced`);
    const names = new Set(receiver.points.map(({ name }) => name));
    for (const name of ["shunt_sessions_active", "shunt_detect_seconds_sum", "shunt_build_info"]) {
      assert(names.has(name), name);
    }
  }, {
    env: receiver.environment,
    args: ["--set", "log.access_rate=10/s"],
    ends: true,
  });
});
