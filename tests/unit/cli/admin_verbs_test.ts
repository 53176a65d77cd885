import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createServer } from "node:http";
import { startTestAdmin, writeToken } from "../admin/_control.ts";
import { main } from "../../../src/cli/mod.ts";
import { inFolder } from "../_folder.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function shunt(...args: readonly string[]): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await main(args, {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}

Deno.test("status: shows listeners, targets, sessions and flows as a table", async () => {
  await using running = await startTestAdmin();
  const address = running.admin.address!;
  const { code, out, err } = await shunt("status", "--admin", address);
  assertEquals([code, err], [0, ""]);
  const lines = out.split("\n");
  assertStringIncludes(
    lines[0]!,
    ` is ready: pid ${Deno.pid}, up 1d 1h, io deno, workers 2, admin `,
  );
  assertEquals(lines.slice(1), [
    "now: 12 sessions, 7 flows; so far: 1234 sessions, 56 flows, 3.2 MiB up, 120 B down",
    "",
    "LISTENER  ADDRESS             SESSIONS  FLOWS  UP       DOWN",
    "edge      tcp 127.0.0.1:4001        12      7  3.2 MiB  120 B",
    "          udp 127.0.0.1:4001",
    "",
    "UPSTREAM  TARGET                  STATE          HEALTH  SESSIONS  FLOWS",
    "web       10.0.0.5:443            ready          down           0      0  since " +
    "2026-01-02T03:04:05Z: connection refused",
    "          [2001:db8::1]:443       drain          up             4      0",
    "          unix:/run/app/web.sock  ready, backup  up             8      0",
  ]);
});

Deno.test("status: --json prints the API's answer", async () => {
  await using running = await startTestAdmin();
  const { code, out } = await shunt("status", "--json", "--admin", running.admin.address!);
  const status = JSON.parse(out) as Record<string, unknown>;
  assertEquals([code, status["pid"], status["state"]], [0, Deno.pid, "ready"]);
  assertEquals((status["upstreams"] as unknown[]).length, 1);
});

Deno.test("reload: says what changed, or every problem", async () => {
  await using running = await startTestAdmin();
  const address = running.admin.address!;
  assertEquals(await shunt("reload", "--admin", address), {
    code: 0,
    out: "Reloaded: upstreams.web",
    err: "",
  });
  running.control.reloaded = { ok: true, changed: [] };
  const nothing = await shunt("reload", "--admin", address);
  assertEquals(nothing.out, "Reloaded, nothing is different");
  const problems = ['c.yaml:3:4: error: x: Unknown key "x"', "c.yaml:4:1: error: y: bad\x1b[2J"];
  running.control.reloaded = { ok: false, problems };
  const refused = await shunt("reload", "--admin", address);
  assertEquals([refused.code, refused.out], [1, ""]);
  assertEquals(refused.err.split("\n"), [
    problems[0]!,
    "c.yaml:4:1: error: y: bad?[2J",
    "error: The configuration cannot be used; the one before goes on",
  ]);
});

Deno.test("drain: starts and does not wait", async () => {
  await using running = await startTestAdmin();
  const { code, out } = await shunt("drain", "--admin", running.admin.address!);
  assertEquals([code, out], [0, "Draining: 12 sessions and 7 flows may finish"]);
  assertEquals(running.control.asked, ["drain"]);
});

Deno.test("admin verbs: find the address and the token in the configuration", async () => {
  await inFolder(async (dir) => {
    const token_file = await writeToken(dir);
    const bind = `unix:${dir}/admin.sock`;
    const file = `${dir}/c.yaml`;
    await using _running = await startTestAdmin({ bind, token_file });
    // The rest of the file may be broken: what runs was started with another.
    const text = `listeners: 7\nadmin: { bind: "${bind}", token_file: "${token_file}" }\n`;
    await Deno.writeTextFile(file, text);
    assertEquals(await shunt("reload", "-c", file), {
      code: 0,
      out: "Reloaded: upstreams.web",
      err: "",
    });
    const none = await shunt("reload", "--admin", bind);
    assertEquals(none.code, 1);
    assertStringIncludes(none.err, "name the file with its token: --token-file PATH");
    assertEquals((await shunt("reload", "--admin", bind, "--token-file", token_file)).code, 0);
    const other = `${dir}/other`;
    await Deno.writeTextFile(other, "another-token-of-some-length");
    const wrong = await shunt("reload", "--admin", bind, "--token-file", other);
    assertStringIncludes(wrong.err, "is it the token of that shunt?");
    await Deno.remove(token_file);
    const gone = await shunt("reload", "-c", file);
    assertEquals(gone.code, 1);
    assertStringIncludes(gone.err, `admin.token_file "${token_file}"`);
    assertEquals((await shunt("status", "-c", file)).code, 0);
  });
});

Deno.test("admin verbs: a public address is asked on loopback, with its token", async () => {
  await inFolder(async (dir) => {
    const token_file = await writeToken(dir);
    await using running = await startTestAdmin({ bind: "0.0.0.0:0", token_file });
    const bind = running.admin.address!;
    assert(bind.startsWith("0.0.0.0:"));
    const file = `${dir}/c.yaml`;
    await Deno.writeTextFile(file, `admin: { bind: "${bind}", token_file: "${token_file}" }\n`);
    assertEquals((await shunt("status", "-c", file)).code, 0);
    const bare = await shunt("status", "--admin", bind.replace("0.0.0.0", "127.0.0.1"));
    assertEquals(bare.code, 1);
    assertStringIncludes(bare.err, "--token-file");
  });
});

Deno.test("admin verbs: configurations without an address are reported", async () => {
  await inFolder(async (dir) => {
    const file = `${dir}/c.yaml`;
    const table = [
      ["admin: null\n", "The admin address is off"],
      ['admin: { bind: "127.0.0.1:0" }\n', "has port 0 in"],
      ["admin: 7\n", "Cannot read the admin address from"],
      ["a: [\n", "Cannot read the admin address from"],
    ] as const;
    for (const [text, message] of table) {
      await Deno.writeTextFile(file, text);
      const { code, err } = await shunt("status", "-c", file);
      assertEquals([text, code], [text, 2]);
      assertStringIncludes(err, message);
    }
    const missing = await shunt("status", "-c", `${dir}/none.yaml`);
    assertEquals(missing.code, 2);
    const address = await shunt("status", "--admin", "127.0.0.1");
    assertStringIncludes(address.err, 'Cannot parse address "127.0.0.1": port is missing');
  });
});

Deno.test("admin verbs: no process there and another process there are told apart", async () => {
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const free = `127.0.0.1:${closed.addr.port}`;
  closed.close();
  for (const address of [free, "unix:/nowhere/admin.sock"]) {
    const { code, err } = await shunt("status", "--admin", address);
    assertEquals(code, 1);
    assertStringIncludes(err, `Nobody answers at ${address}`);
  }
  const other = createServer((_, response) => response.end("{}"));
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const at = other.address();
  const port = typeof at === "object" ? at?.port : 0;
  const { code, err } = await shunt("drain", "--admin", `127.0.0.1:${port}`);
  assertEquals(code, 1);
  assertStringIncludes(err, "Something other than shunt answers");
  await new Promise((resolve) => other.close(resolve));

  const echo = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answered = echo.accept().then(async (connection) => {
    await connection.write(new TextEncoder().encode("SSH-2.0-OpenSSH_9.9\r\n"));
    connection.close();
  });
  const ssh = await shunt("status", "--admin", `127.0.0.1:${echo.addr.port}`);
  await answered;
  echo.close();
  assertEquals(ssh.code, 1);
  assertStringIncludes(ssh.err, "127.0.0.1");
});

Deno.test("admin verbs: text from elsewhere cannot steer the terminal", async () => {
  await using running = await startTestAdmin();
  const [web] = running.control.upstreams();
  running.control.upstreams = () => [{
    ...web!,
    targets: [{ ...web!.targets[0]!, last_error: "\x1b]0;owned\x07\u202e" }],
  }];
  const { out } = await shunt("status", "--admin", running.admin.address!);
  assertStringIncludes(out, "?]0;owned??");
});
