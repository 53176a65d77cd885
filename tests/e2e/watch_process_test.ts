import { assert, assertEquals, assertMatch } from "@std/assert";
import { dirname } from "node:path";
import { inFolder } from "../unit/_folder.ts";
import { shunt as runShunt, type ShuntProcess, spawnShunt, withShunt } from "./_process.ts";
import { until } from "./_shunt.ts";

const config = (name: string) => `
listeners:
  ${name}: { bind: "127.0.0.1:0", routes: [{ upstream: up }] }
upstreams:
  up: { targets: ["builtin:echo"] }
admin: { bind: "127.0.0.1:0" }
drain_timeout: 1s
`;

function fileOf({ readyFile }: ShuntProcess): string {
  return readyFile.replace("ready.json", "config.yaml");
}

async function mkfifo(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert(success);
}

async function ask(shunt: ShuntProcess, path: string, method = "GET"): Promise<string> {
  const signal = AbortSignal.timeout(5000);
  const response = await fetch(`http://${shunt.ready.admin}${path}`, { method, signal });
  return await response.text();
}

/** Writes another configuration until it runs; twice, so that events of the first one are over. */
async function assertReloads(shunt: ShuntProcess): Promise<void> {
  for (const name of ["edge2", "edge"]) {
    const next = `${fileOf(shunt)}.next`;
    await Deno.writeTextFile(next, `${config(name)}log: { format: json }\n`);
    await Deno.rename(next, fileOf(shunt));
    await until(async () => (await ask(shunt, "/api/config")).includes(`"${name}":`), name);
  }
}

/** SIGTERM has to end it in time, cleanly. */
async function assertEnds(shunt: ShuntProcess): Promise<void> {
  const began = performance.now();
  shunt.kill("SIGTERM");
  assertEquals(await shunt.exited(), 0);
  assert(performance.now() - began < 5000, `it took ${performance.now() - began} ms`);
}

/** Files placed beside the configuration. Each would have stopped a watch that opens what it sees. */
const BESIDE: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  "a pipe": async (folder) => {
    await mkfifo(`${folder}/pipe`);
    await Deno.chmod(`${folder}/pipe`, 0o600);
    await Deno.rename(`${folder}/pipe`, `${folder}/renamed`);
  },
  "a socket": async (folder) => {
    using _ = Deno.listen({ transport: "unix", path: `${folder}/socket` });
    await Deno.rename(`${folder}/socket`, `${folder}/renamed`);
  },
  "10,000 files": async (folder) => {
    for (let i = 0; i < 10_000; i++) await Deno.writeTextFile(`${folder}/file${i}`, "");
  },
  "a loop of links": async (folder) => {
    await Deno.symlink("loop", `${folder}/loop`);
  },
};

for (const [what, put] of Object.entries(BESIDE)) {
  Deno.test(`watch: ${what} beside the configuration stops neither reloads nor the end`, async () => {
    await withShunt(config("edge"), async (shunt) => {
      await put(dirname(fileOf(shunt)));
      await assertReloads(shunt);
      assertEquals(await ask(shunt, "/healthz"), "ok\n");
      await assertEnds(shunt);
    }, { ends: true });
  });
}

/** Files placed instead of the configuration, and the error of a reload. */
const INSTEAD: Readonly<Record<string, readonly [(path: string) => Promise<void>, RegExp]>> = {
  "a pipe": [mkfifo, /is not a file/],
  "a socket": [
    async (path) => {
      using _ = Deno.listen({ transport: "unix", path: `${path}.other` });
      await Deno.rename(`${path}.other`, path);
    },
    /is not a file/,
  ],
  "a folder": [(path) => Deno.mkdir(path), /is not a file/],
  "a link to a device": [(path) => Deno.symlink("/dev/zero", path), /is not a file|device/],
  "a loop of links": [(path) => Deno.symlink("config.yaml", path), /symbolic link/],
  "a huge file": [
    async (path) => {
      await Deno.writeTextFile(path, "");
      await Deno.truncate(path, 3 * 1024 ** 3);
    },
    /is longer than/,
  ],
};

for (const [what, [put, expected]] of Object.entries(INSTEAD)) {
  Deno.test(`watch: ${what} in the configuration's place is refused, and everything goes on`, async () => {
    await withShunt(config("edge"), async (shunt) => {
      await Deno.remove(fileOf(shunt));
      await put(fileOf(shunt));
      assertMatch(await ask(shunt, "/api/reload", "POST"), expected);
      assertEquals(await ask(shunt, "/healthz"), "ok\n");
      await Deno.remove(fileOf(shunt), { recursive: true });
      await Deno.writeTextFile(fileOf(shunt), `${config("edge")}log: { format: json }\n`);
      await assertReloads(shunt);
      await Deno.remove(fileOf(shunt));
      await put(fileOf(shunt));
      await assertEnds(shunt);
    }, { ends: true, mayLogErrors: true });
  });
}

Deno.test("watch: a folder that is renamed and created again is followed", async () => {
  await withShunt(config("edge"), async (shunt) => {
    const folder = dirname(fileOf(shunt));
    await Deno.rename(folder, `${folder}.old`);
    await Deno.mkdir(folder);
    await Deno.rename(`${folder}.old/ready.json`, `${folder}/ready.json`);
    await mkfifo(`${folder}/pipe`);
    await assertReloads(shunt);
    await Deno.remove(`${folder}.old`, { recursive: true });
    await assertEnds(shunt);
  }, { ends: true });
});

Deno.test("watch: a pipe as the configuration is read if bytes come, and refused if none do", async () => {
  await inFolder(async (folder) => {
    const pipe = `${folder}/pipe`;
    await mkfifo(pipe);
    const began = performance.now();
    const [silent, folded] = await Promise.all([
      runShunt("run", "-c", pipe),
      runShunt("check", "-c", folder),
    ]);
    assertEquals([silent.code, folded.code], [2, 2]);
    assertMatch(silent.err, /nothing came within 5 s; is it a pipe\?/);
    assertMatch(folded.err, /is not a file/);
    assert(performance.now() - began < 15_000);
    const read = runShunt("check", "-c", pipe);
    await Deno.writeTextFile(pipe, config("edge"));
    assertEquals((await read).code, 0);
  });
});

Deno.test("watch: pipes as log file, token file and ready file delay nothing", async () => {
  await inFolder(async (folder) => {
    const pipe = `${folder}/pipe`;
    await mkfifo(pipe);
    const file = `${folder}/config.yaml`;
    await Deno.writeTextFile(file, config("edge"));
    const table = [
      [`log.file=${pipe}`, /Cannot open log file/],
      [`admin.token_file=${pipe}`, /Cannot use admin\.token_file.*not a file/],
      [`admin.bind=unix:${file}`, /a file that is no socket/],
    ] as const;
    for (const [set, expected] of table) {
      const { code, err } = await runShunt("run", "-c", file, "--set", set);
      assertEquals(code, 1);
      assertMatch(err, expected);
    }
    const child = spawnShunt(["run", "-c", file, "--ready-file", pipe]);
    await child.stdin.close();
    await until(
      async () => (await Deno.lstat(pipe).catch(() => undefined))?.isFile === true,
      "the ready file",
    );
    child.kill("SIGTERM");
    assertEquals((await child.output()).code, 0);
  });
});

Deno.test("run: SIGTERM ends it in time while a peer that never answers is asked to hand over", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const held: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of silent) held.push(conn);
  })();
  await inFolder(async (folder) => {
    const file = `${folder}/config.yaml`;
    const { port } = silent.addr;
    await Deno.writeTextFile(
      file,
      config("edge").replace('"127.0.0.1:0" }\ndrain', `"127.0.0.1:${port}" }\ndrain`),
    );
    const child = spawnShunt(["run", "-c", file, "--upgrade"]);
    await child.stdin.close();
    await until(() => held.length > 0, "a question");
    const began = performance.now();
    child.kill("SIGTERM");
    const { code } = await child.output();
    assertEquals(code, 1);
    // drain_timeout and 5 s.
    assert(performance.now() - began < 10_000);
  });
  held.forEach((conn) => conn.close());
  silent.close();
  await accepting.catch(() => {});
});
