import { assert, assertEquals, assertMatch } from "@std/assert";
import { request } from "node:http";
import { CROWDS } from "./_crowd.ts";
import { inFolder } from "../unit/_folder.ts";
import { withShunt } from "./_process.ts";

const yaml = (bind: string) => `
listeners:
  edge: { bind: "127.0.0.1:0", routes: [{ upstream: web }] }
upstreams:
  web: { targets: ["builtin:echo"] }
admin: { bind: "${bind}" }
`;

const LIMIT_MS = 1000;

/** Asks in a connection of its own. */
function ask(address: string, path: string, from?: string): Promise<string> {
  const unix = address.startsWith("unix:");
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const to = unix ? { socketPath: address.slice(5) } : { host: "127.0.0.1", port };
  return new Promise((resolve, reject) => {
    const sent = request(
      { ...to, path, agent: false, ...from === undefined ? {} : { localAddress: from } },
      (response) => {
        let text = "";
        response.on("data", (part) => text += String(part));
        response.on("end", () => resolve(text));
        response.on("error", reject);
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

/** A crowd at an address; it is there once this is. */
async function crowd(address: string, kind: string, count: number): Promise<AsyncDisposable> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-net",
      "--allow-read",
      "--allow-write",
      `${import.meta.dirname}/_crowd.ts`,
      address,
      kind,
      String(count),
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

async function assertServed(address: string, times: number, what: string): Promise<void> {
  for (let i = 0; i < times; i++) {
    for (const from of address.startsWith("unix:") ? [undefined] : ["127.0.0.1", "127.0.0.2"]) {
      for (const [path, answer] of [["/healthz", "ok\n"], ["/readyz", "ready\n"]] as const) {
        const began = performance.now();
        let text = await ask(address, path, from).catch(String);
        // The full queue of a Unix socket does not block: a client has to try again.
        while (text.includes("EAGAIN") && performance.now() - began < LIMIT_MS) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          text = await ask(address, path, from).catch(String);
        }
        const took = performance.now() - began;
        assertEquals(text, answer, `${what}: ${path} from ${from} after ${took} ms`);
        assert(took < LIMIT_MS, `${what}: ${path} from ${from} took ${took} ms`);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What a thousand do that is worse than what 64 do. */
const MANY = ["silent", "half_heads_and_gone", "unread_page", "unread_and_gone", "hammers_health"];

for (const [count, kinds] of [[64, CROWDS], [1000, MANY], [1000, ["all"]]] as const) {
  Deno.test(`admin crowd: health is answered within 1 s whatever ${count} clients of one source do (${kinds.length} kinds)`, async () => {
    await withShunt(yaml("127.0.0.1:0"), async (shunt) => {
      const admin = shunt.ready.admin!;
      for (const kind of kinds) {
        await using _ = await crowd(admin, kind, count);
        await assertServed(admin, kind === "all" ? 12 : 4, kind);
      }
      if (count === 64) return;
      assertMatch(
        await ask(admin, "/metrics"),
        /^shunt_admin_displaced_total\{what="\w+"\} [1-9]/m,
      );
      await shunt.says("Clients of the admin address lost their places to others");
    }, { mayLogErrors: true });
  });
}

Deno.test("admin crowd: health is answered if a thousand clients are more than the descriptors", async () => {
  await withShunt(yaml("127.0.0.1:0"), async ({ ready }) => {
    for (const kind of ["silent", "unread_page", "no_body", "all"]) {
      await using _ = await crowd(ready.admin!, kind, 1000);
      await assertServed(ready.admin!, 4, kind);
    }
  }, { mayLogErrors: true, under: ["prlimit", "--nofile=512:512"] });
});

Deno.test("admin crowd: health is answered on a Unix socket, whatever other clients do there", async () => {
  await inFolder(async (dir) => {
    await withShunt(yaml(`unix:${dir}/admin.sock`), async ({ ready }) => {
      for (const kind of ["unread_page", "half_heads", "no_body", "all"]) {
        await using _ = await crowd(ready.admin!, kind, 64);
        await assertServed(ready.admin!, 6, kind);
      }
      // A reload may be asked for at the very end.
    }, { mayLogErrors: true });
  });
});
