import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { shunt as command, type ShuntProcess, withShunt } from "./_process.ts";
import { bytes, connect, readAll, readExactly, text, until, writeAll } from "./_shunt.ts";

function config(target: string): string {
  return `
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["${target}"] } }
admin: { bind: 127.0.0.1:0 }
drain_timeout: 1s
log: { format: json }
`;
}

/** The configuration that `withShunt` starts with; it adds the log itself. */
const START = config("builtin:echo").replace("log: { format: json }\n", "");

async function echoes(shunt: ShuntProcess): Promise<boolean> {
  using client = await connect(shunt.port());
  await writeAll(client, bytes("hello"));
  await client.closeWrite();
  return text(await readAll(client)) === "hello";
}

function saidOf(shunt: ShuntProcess, message: string) {
  return shunt.log.filter((line) => line.message === message);
}

function file(shunt: ShuntProcess): string {
  return shunt.readyFile.replace("ready.json", "config.yaml");
}

Deno.test("reload: a change of the file is applied, a broken one is refused and reported", async () => {
  await withShunt(START, async (shunt) => {
    using kept = await connect(shunt.port());
    await writeAll(kept, bytes("a"));
    await readExactly(kept, 1);
    assert(await echoes(shunt));
    await Deno.writeTextFile(file(shunt), config("builtin:discard"));
    await until(async () => !await echoes(shunt), "the new configuration");
    await shunt.says("Reloaded");
    const [reloaded] = saidOf(shunt, "Reloaded");
    assertEquals(reloaded?.cause, "file");
    assertEquals(reloaded?.changed, ["upstreams.up changed: targets"]);
    await Deno.writeTextFile(file(shunt), config("builtin:echo") + "nonsense: 1\n");
    await shunt.says("Reload refused; what was running goes on");
    const [refused] = saidOf(shunt, "Reload refused; what was running goes on");
    assertStringIncludes(String(refused?.problems), 'Unknown key "nonsense"');
    assert(!await echoes(shunt));
    await writeAll(kept, bytes("b"));
    assertEquals(text(await readExactly(kept, 1)), "b");
    kept.close();
  }, { mayLogErrors: true });
});

Deno.test("reload: half of a file never loads, although it is a valid configuration", async () => {
  await withShunt(START, async (shunt) => {
    // Once this is noticed, so is everything that follows.
    await Deno.writeTextFile(file(shunt), `${config("builtin:echo")}# changed\n`);
    await shunt.says("Reload: nothing has changed");
    const whole = config("builtin:discard");
    const half = whole.indexOf("admin:");
    const writer = await Deno.open(file(shunt), { write: true, truncate: true });
    await writeAll(writer, bytes(whole.slice(0, half)));
    await shunt.says("The configuration is being written; waiting for its end");
    const asked = await command("reload", "--admin", shunt.ready.admin!);
    assertEquals(asked.code, 1);
    assertStringIncludes(asked.err, "is being written; try again");
    assert(await echoes(shunt));
    assertEquals(saidOf(shunt, "Reloaded"), []);
    await writeAll(writer, bytes(whole.slice(half)));
    writer.close();
    await until(async () => !await echoes(shunt), "the whole configuration");
    await shunt.says("Reloaded");
    assertEquals(saidOf(shunt, "Reloaded").map(({ changed }) => changed), [
      ["upstreams.up changed: targets"],
    ]);
  }, { mayLogErrors: true });
});

Deno.test("reload: counts of removed listeners stay in the totals", async () => {
  await withShunt(START, async (shunt) => {
    assert(await echoes(shunt));
    await Deno.writeTextFile(file(shunt), config("builtin:echo").replace("edge:", "other:"));
    await shunt.says("Reloaded");
    const { totals, listeners } = await (await fetch(`http://${shunt.ready.admin}/api/status`))
      .json();
    assertEquals([totals.sessions_total, listeners.other.counters.sessions_total], [1, 0]);
  });
});

Deno.test("reload: by signal, by the verb and by the admin address", async () => {
  await withShunt(START, async (shunt) => {
    const admin = shunt.ready.admin;
    assert(admin !== null);
    shunt.kill("SIGHUP");
    await shunt.says("Reload: nothing has changed");
    const same = await command("reload", "--admin", admin);
    assertEquals([same.code, same.err], [0, ""]);
    const response = await fetch(`http://${admin}/api/reload`, {
      method: "POST",
      headers: { "X-Shunt": "1" },
    });
    assertEquals([response.status, await response.json()], [200, { changed: [] }]);
  });
});

Deno.test("drain: the verb lets running sessions finish, readyz turns 503, then shunt ends", async () => {
  await withShunt(START.replace("1s", "20s"), async (shunt) => {
    const admin = shunt.ready.admin;
    const readyz = async () => {
      const response = await fetch(`http://${admin}/readyz`);
      await response.body?.cancel();
      return response.status;
    };
    using client = await connect(shunt.port());
    await writeAll(client, bytes("a"));
    await readExactly(client, 1);
    assertEquals(await readyz(), 200);
    const { code, out } = await command("drain", "--admin", `${admin}`);
    assertEquals([code, out], [0, "Draining: 1 sessions and 0 flows may finish\n"]);
    await until(async () => await readyz() === 503, "readyz to turn 503");
    await until(
      async () => await connect(shunt.port()).then((conn) => conn.close(), () => true) === true,
      "the listener to be closed",
    );
    await writeAll(client, bytes("b"));
    assertEquals(text(await readExactly(client, 1)), "b");
    client.close();
    assertEquals(await shunt.exited(), 0);
  }, { ends: true });
});
