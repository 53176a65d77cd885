/**
 * The one-file build, far from the source: what the first line allows must be enough, workers must
 * come out of the same file, and the file must be the same however often it is made.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { dirname } from "node:path";
import { makeBundle } from "../../scripts/_bundle.ts";
import { FLAGS } from "../../scripts/_permissions.ts";
import { until } from "./_shunt.ts";
import project from "../../deno.json" with { type: "json" };

const STAMP = { commit: "0123456789ab", epoch: 1_000_000_000 };

/** Linux reads no more of a first line, the line feed included. */
const SHEBANG_MAX = 255;

async function withBundle(test: (bundle: string, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "shunt-bundle-" });
  try {
    await makeBundle(STAMP, `${folder}/shunt.js`);
    await test(`${folder}/shunt.js`, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function command(bundle: string, ...args: readonly string[]): Deno.Command {
  return new Deno.Command(bundle, {
    args: [...args],
    cwd: dirname(bundle),
    clearEnv: true,
    env: {
      PATH: `${dirname(Deno.execPath())}:/usr/bin:/bin`,
      HOME: dirname(bundle),
      NO_COLOR: "1",
    },
    stdout: "piped",
    stderr: "piped",
  });
}

Deno.test("bundle: is made the same twice, names no path of this machine, and runs by its first line", async () => {
  await withBundle(async (bundle, folder) => {
    const text = await Deno.readTextFile(bundle);
    await makeBundle(STAMP, `${folder}/again.js`);
    assertEquals(await Deno.readTextFile(`${folder}/again.js`), text);
    const shebang = text.slice(0, text.indexOf("\n") + 1);
    assertEquals(shebang.endsWith(` ${FLAGS.join(" ")}\n`), true, shebang);
    assertEquals(shebang.length <= SHEBANG_MAX, true, `${shebang.length} bytes`);
    assertEquals(text.includes(Deno.env.get("HOME") ?? "/root/"), false);

    const { code, stdout } = await command(bundle, "version", "--json").output();
    assertEquals(code, 0);
    const { version, commit, ...runtime } = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals([version, commit], [project.version, STAMP.commit]);
    assertEquals(Object.keys(runtime), ["deno", "v8", "target"]);
    assertEquals(runtime.deno, Deno.version.deno);
  });
});

for (const io of ["deno", "libc"]) {
  Deno.test(`bundle: two workers with io: ${io} serve TCP and UDP from a folder with nothing else`, async () => {
    await withBundle(async (bundle, folder) => {
      await Deno.writeTextFile(
        `${folder}/config.yaml`,
        `listeners: { edge: { bind: "127.0.0.1:0", routes: [{ upstream: echo }] } }
upstreams: { echo: { targets: ["builtin:echo"] } }
admin: { bind: "unix:${folder}/admin.sock" }
workers: 2
io: ${io}
`,
      );
      const ready = `${folder}/ready.json`;
      const child = command(bundle, "run", "--ready-file", ready).spawn();
      const output = child.output();
      try {
        await until(() => Deno.stat(ready).then(() => true, () => false), "the ready file");
        const { listeners } = JSON.parse(await Deno.readTextFile(ready));
        const port = Number(listeners.edge.tcp[0].split(":")[1]);
        for (let i = 0; i < 8; i++) assertEquals(await echoTcp(port), "hello");
        for (let i = 0; i < 8; i++) assertEquals(await echoUdp(port), "hello");
        const { stdout } = await command(bundle, "status").output();
        assertMatch(new TextDecoder().decode(stdout), new RegExp(`io ${io}, workers 2`));
        // Long enough to be checked by a worker of its own kind.
        const text = await Deno.readTextFile(`${folder}/config.yaml`);
        const comment = `# ${"long ".repeat(10_000)}\n`;
        await Deno.writeTextFile(`${folder}/config.yaml`, `${text}${comment}drain_timeout: 1s\n`);
        const reloaded = await command(bundle, "reload").output();
        // The watch may have been first.
        assertMatch(
          new TextDecoder().decode(reloaded.stdout),
          /^Reloaded(: drain_timeout changed|, nothing is different)\n$/,
        );
      } finally {
        child.kill("SIGTERM");
      }
      const { code, stderr } = await output;
      assertEquals(code, 0, new TextDecoder().decode(stderr));
    });
  });
}

async function echoTcp(port: number): Promise<string> {
  using connection = await Deno.connect({ port });
  await connection.write(new TextEncoder().encode("hello"));
  const buffer = new Uint8Array(16);
  const read = await connection.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, read ?? 0));
}

async function echoUdp(port: number): Promise<string> {
  const to = { hostname: "127.0.0.1", port, transport: "udp" } as const;
  const socket = Deno.listenDatagram({ ...to, port: 0 });
  const timer = setTimeout(() => socket.close(), 10_000);
  try {
    await socket.send(new TextEncoder().encode("hello"), to);
    const [data] = await socket.receive();
    socket.close();
    return new TextDecoder().decode(data);
  } finally {
    clearTimeout(timer);
  }
}
