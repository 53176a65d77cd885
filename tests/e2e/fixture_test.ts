import { assert, assertEquals, assertRejects } from "@std/assert";
import { type AccessRecord, ConfigError, startProxy } from "../../mod.ts";
import { bytes, connect, readExactly, TEST_IO, text, until, writeAll } from "./_shunt.ts";

const CONFIG = {
  listeners: { edge: { bind: "127.0.0.1:0", transports: ["tcp"], routes: [{ upstream: "app" }] } },
  upstreams: { app: { targets: ["builtin:echo"] } },
  io: TEST_IO,
};

function portOf(address: string | undefined): number {
  assert(address !== undefined);
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

Deno.test("fixture: a proxy in a test, from an object, on a free port", async () => {
  const ended: AccessRecord[] = [];
  await using proxy = await startProxy(CONFIG, { onEnd: (record) => ended.push(record) });
  const client = await connect(portOf(proxy.addresses.edge?.tcp[0]));
  await writeAll(client, bytes("hello"));
  assertEquals(text(await readExactly(client, 5)), "hello");
  const [session, ...others] = await proxy.sessions();
  assertEquals([session?.upstream, session?.up, others.length], ["app", 5, 0]);
  assertEquals(await proxy.flows(), []);
  client.close();
  await until(() => ended.length === 1, "the record of the session");
  assertEquals([ended[0]?.reason, ended[0]?.down], ["done", 5]);
  assertEquals(proxy.stats().edge?.sessionsTotal, 1);
});

Deno.test("fixture: reload takes text too, errors name what is wrong, targets drain", async () => {
  await using proxy = await startProxy(CONFIG);
  const changed = await proxy.reload({ ...CONFIG, drain_timeout: "1s" });
  assertEquals(changed, ["drain_timeout changed"]);
  const error = await assertRejects(() => proxy.reload("listeners: {}"), ConfigError);
  assert(error.message.includes("at least one listener"), error.message);
  assertEquals(proxy.setTarget("app", "builtin:echo", "drain"), true);
  assertEquals(proxy.setTarget("app", "10.0.0.1:1", "drain"), false);
  using client = await connect(portOf(proxy.addresses.edge?.tcp[0]));
  await client.read(new Uint8Array(1)).catch(() => {});
  await until(() => proxy.stats().edge?.closes.no_target === 1, "no target to be left");
  assertEquals(await proxy.drain(), 0);
});
