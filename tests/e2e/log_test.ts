import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  type LogLine,
  type RunOptions,
  shunt as command,
  type ShuntProcess,
  withShunt,
} from "./_process.ts";
import { bytes, connect, readAll, until, writeAll } from "./_shunt.ts";

const YAML = `
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["builtin:echo"] } }
drain_timeout: 1s
`;

/** Runs shunt with its log in a folder of its own. */
async function withLogFile(
  test: (shunt: ShuntProcess, file: string) => Promise<void>,
  options: RunOptions = {},
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "shunt-log-" });
  const file = `${folder}/shunt.log`;
  try {
    const args = ["--set", `log.file=${file}`, ...options.args ?? []];
    await withShunt(YAML, (shunt) => test(shunt, file), { ...options, args });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a session with this many bytes, which identify its access line. */
async function session(shunt: ShuntProcess, size: number): Promise<void> {
  using client = await connect(shunt.port());
  await writeAll(client, bytes("x".repeat(size)));
  await client.closeWrite();
  assertEquals((await readAll(client)).length, size);
}

/** The lines of a log file, every one of which has to be whole. */
async function linesOf(file: string): Promise<LogLine[]> {
  const text = await Deno.readTextFile(file).catch(() => "");
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

function sizesOf(lines: readonly LogLine[]): unknown[] {
  return lines.filter(({ logger }) => logger === "shunt.access").map((line) => line.bytes_up);
}

async function untilSays(file: string, message: string): Promise<LogLine> {
  const find = async () => (await linesOf(file)).find((line) => line.message === message);
  await until(async () => await find() !== undefined, `"${message}" in ${file}`);
  return (await find())!;
}

Deno.test("log file: lines go there and nowhere else, appended, for owner and group alone", async () => {
  await withLogFile(async (shunt, file) => {
    await session(shunt, 1);
    await until(async () => sizesOf(await linesOf(file)).length === 1, "the access line");
    await untilSays(file, "Started");
    assertEquals(shunt.log, []);
    assertEquals((await Deno.stat(file)).mode! & 0o777, 0o640);
    const before = await Deno.readTextFile(file);
    await shunt.stop();
    const all = await Deno.readTextFile(file);
    assert(all.startsWith(before));
    assertStringIncludes(all, '"message":"Stopped"');
  }, { ends: true });
});

Deno.test("log file: SIGUSR2 opens it again after a rename: no line is lost, none twice, none late in the old one", async () => {
  await withLogFile(async (shunt, file) => {
    const sent: number[] = [];
    const files: string[] = [];
    let size = 0;
    let over = false;
    const traffic = (async () => {
      while (!over) {
        await session(shunt, ++size);
        sent.push(size);
      }
    })();
    for (let turn = 1; turn <= 5; turn++) {
      const old = `${file}.${turn}`;
      await until(async () => sizesOf(await linesOf(file)).length > 3, "some access lines");
      await Deno.rename(file, old);
      shunt.kill("SIGUSR2");
      await untilSays(file, "Opened the log file again");
      const before = await Deno.readTextFile(old);
      const seen = sent.length;
      await until(() => sent.length > seen + 5, "more sessions");
      assertEquals(await Deno.readTextFile(old), before);
      files.push(old);
    }
    over = true;
    await traffic;
    await until(async () => sizesOf(await linesOf(file)).includes(size), "the last access line");
    const lines = (await Promise.all([...files, file].map(linesOf))).flat();
    assertEquals(sizesOf(lines).toSorted((a, b) => Number(a) - Number(b)), sent);
  });
});

Deno.test("log file: SIGUSR1 opens it again as well, with a warning of what Deno makes of it", async () => {
  await withLogFile(async (shunt, file) => {
    await untilSays(file, "Started");
    await Deno.rename(file, `${file}.old`);
    shunt.kill("SIGUSR1");
    await untilSays(file, "Opened the log file again");
    await until(
      async () => (await Deno.readTextFile(file)).includes("use SIGUSR2 instead"),
      "the warning",
    );
  });
});

Deno.test("log file: if it cannot be opened again, lines go on to the old one, and standard error says so", async () => {
  await withLogFile(async (shunt, file) => {
    await untilSays(file, "Started");
    await Deno.rename(file, `${file}.old`);
    await Deno.mkdir(file);
    shunt.kill("SIGUSR2");
    await shunt.says("Cannot open the log file again; lines go on to the one that was open");
    await session(shunt, 7);
    await until(
      async () => sizesOf(await linesOf(`${file}.old`)).includes(7),
      "the access line in the old file",
    );
    await Deno.remove(file);
  }, { mayLogErrors: true });
});

Deno.test("log file: a reload opens another one, or is refused", async () => {
  await withShunt(YAML, async (shunt) => {
    const config = shunt.readyFile.replace("ready.json", "config.yaml");
    const folder = config.slice(0, config.lastIndexOf("/"));
    const reload = (log: string) =>
      Deno.writeTextFile(config, `${YAML}log: { format: json, file: ${log} }\n`);
    await reload(`${folder}/missing/shunt.log`);
    await shunt.says("Reload refused; what was running goes on");
    const refused = shunt.log.find(({ message }) => /refused/.test(String(message)));
    assertMatch(
      String(refused?.problems),
      /^Cannot open log file ".*\/missing\/shunt.log": No such file/,
    );
    await session(shunt, 1);
    await shunt.ended({ bytes_up: 1 });

    const file = `${folder}/shunt.log`;
    await reload(file);
    await untilSays(file, "Reloaded");
    await session(shunt, 2);
    await until(async () => sizesOf(await linesOf(file)).includes(2), "the line in the file");

    await Deno.rename(file, `${file}.1`);
    shunt.kill("SIGHUP");
    await untilSays(file, "Reload: nothing has changed");

    await reload("null");
    await shunt.says("Reloaded");
    await session(shunt, 3);
    await shunt.ended({ bytes_up: 3 });
    assertEquals(sizesOf(shunt.log), [1, 3]);
  }, { mayLogErrors: true });
});

Deno.test("log file: one that cannot be opened keeps shunt from starting", async () => {
  const folder = await Deno.makeTempDir({ prefix: "shunt-log-" });
  const config = `${folder}/config.yaml`;
  await Deno.writeTextFile(config, YAML);
  const pipe = `${folder}/pipe`;
  await new Deno.Command("mkfifo", { args: [pipe] }).output();
  const cases: [string, RegExp][] = [
    [`${folder}/no/such.log`, /^error: Cannot open log file ".*such.log": No such file/],
    [folder, /^error: Cannot open log file ".*": Is a directory/],
    [pipe, /^error: Cannot open log file ".*": it is a pipe or socket; make it writable/],
    ["/dev/stdout", /^error: Cannot open log file ".*": device files cannot be opened;/],
  ];
  for (const [file, expected] of cases) {
    const { code, err } = await command("run", "-c", config, "--set", `log.file=${file}`);
    assertEquals([code, expected.test(err)], [1, true], err);
  }
  await Deno.remove(folder, { recursive: true });
});

/** Mounts a file system of 64 KiB if that is permitted. */
async function mountSmall(folder: string): Promise<boolean> {
  const { success } = await new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", "size=64k", "shunt-test", folder],
  }).output().catch(() => ({ success: false }));
  return success;
}

Deno.test("log file: a full disk costs lines, never a session; once there is room, lines are written and the missing ones are reported", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "shunt-log-" });
  if (!await mountSmall(folder)) {
    await Deno.remove(folder);
    return void await t.step({ name: "needs mount", ignore: true, fn: () => {} });
  }
  const file = `${folder}/shunt.log`;
  const filler = `${folder}/filler`;
  try {
    await withShunt(YAML, async (shunt) => {
      await untilSays(file, "Started");
      await Deno.writeFile(filler, new Uint8Array(60 * 1024));
      const fill = async () => {
        await session(shunt, 1);
        return shunt.log.length > 0;
      };
      await until(fill, "the disk to be full", 30_000);
      for (let i = 0; i < 20; i++) await session(shunt, 1);
      assertEquals(shunt.log.map(({ message }) => message), [
        "Cannot write to the log file; lines are dropped until it can be written",
      ]);
      assertMatch(String(shunt.log[0]?.error), /No space left/);
      await Deno.remove(filler);
      await session(shunt, 2);
      const whole = async () => {
        const lines = (await Deno.readTextFile(file)).split("\n").slice(0, -1);
        const found = lines.filter((line) => line.endsWith("}")).map((line) => JSON.parse(line));
        // One line may be cut, where the disk was full; all others are whole.
        assert(lines.length - found.length <= 1);
        return found as LogLine[];
      };
      await until(async () => sizesOf(await whole()).includes(2), "a line after it");
      const dropped = (lines: readonly LogLine[]) =>
        lines.find(({ message }) => /^Log lines were dropped/.test(String(message)));
      await until(async () => dropped(await whole()) !== undefined, "word of dropped lines");
      assert(Number(dropped(await whole())?.lines) > 0);
    }, { args: ["--set", `log.file=${file}`], mayLogErrors: true });
  } finally {
    await new Deno.Command("umount", { args: [folder] }).output();
    await Deno.remove(folder);
  }
});

Deno.test("access rate: lines above it are left out and reported by reason; everything is counted", async () => {
  const yaml = YAML.replace("routes: [", "routes: [{ match: { protocol: tls }, upstream: up }, ")
    .replace(", { upstream: up }]", ", { match: { protocol: http }, upstream: up }]");
  await withShunt(yaml, async (shunt) => {
    const total = 200;
    for (let i = 0; i < total; i++) {
      using client = await connect(shunt.port());
      await writeAll(client, bytes("neither of these\n"));
      await readAll(client).catch(() => {});
    }
    using served = await connect(shunt.port());
    await writeAll(served, bytes("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    await served.closeWrite();
    await readAll(served);
    await shunt.ended({ reason: "done" });
    await shunt.stop();
    const lines = shunt.access.filter(({ reason }) => reason === "no_route").length;
    const told = shunt.log.filter(({ message }) =>
      message === "Access lines were left out: there were more than log.access_rate"
    );
    const leftOut = told.reduce((sum, line) => sum + Number(line.left_out_no_route), 0);
    assertEquals(lines + leftOut, total);
    assert(lines > 0 && lines < total / 2, `${lines} lines`);
    assert(told.length <= 2, `${told.length} words of it`);
    const stopped = shunt.log.find(({ message }) => message === "Stopped");
    assertEquals(stopped?.sessions, total + 1);
  }, { args: ["--set", "log.access_rate=20/s"], ends: true });
});

Deno.test("access template: access lines follow it", async () => {
  const args = ["--set", `log.template='{listener} {sni} {bytes_up} {reason}'`];
  await withShunt(YAML, async (shunt) => {
    await session(shunt, 5);
    await until(() => shunt.lines.includes("edge - 5 done"), "the line in the template's form");
  }, { args });
});
