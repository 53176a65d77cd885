import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withShunt } from "./_process.ts";
import { bytes, connect, until, writeAll } from "./_shunt.ts";
import { Tool } from "./_tools.ts";

const YAML = `
listeners:
  edge: { bind: "127.0.0.1:0", routes: [{ upstream: web }] }
upstreams:
  web: { targets: ["builtin:echo", { address: "builtin:discard", backup: true }] }
admin: { bind: "127.0.0.1:0" }
`;

const MAIN = `${import.meta.dirname}/../../main.ts`;

/** Runs `shunt top` in a terminal of its own; first and last that says how it is set. */
function top(admin: string, env = ""): Tool {
  const allow = "--no-prompt --allow-net --allow-read --allow-env";
  const run = `${env} exec ${Deno.execPath()} run ${allow} ${MAIN} top --admin ${admin}`;
  const script = `stty cols 100 rows 24; tty; stty -g; (echo "pid $BASHPID"; ${run}); ` +
    'echo "ended with $?"; stty -g';
  return new Tool("script", ["-qec", `unset NO_COLOR; bash -c '${script}'`, "/dev/null"]);
}

/** What was drawn last. */
function screenOf({ output }: Tool): string {
  // deno-lint-ignore no-control-regex -- ECMA-48, section 8.3.21: where each screen begins
  return output.split(/\x1b\[H/).at(-1) ?? "";
}

async function untilSeen(tool: Tool, text: string): Promise<void> {
  await until(() => screenOf(tool).includes(text), `${text} on the screen`).catch((error) => {
    throw new Error(`${error}\n${tool.output}`);
  });
}

async function ends(tool: Tool): Promise<void> {
  await tool.says(/ended with 0/);
  const modes = () => tool.output.match(/^[0-9a-f]+(?::[0-9a-f]+){10,}/gm) ?? [];
  await until(() => modes().length === 2, "the terminal's modes");
  assertEquals(modes()[0], modes()[1], "the terminal is not as it was");
  const [entered, left] = ["\x1b[?1049h", "\x1b[?1049l"].map((code) => tool.output.split(code));
  assertEquals([entered!.length, left!.length], [2, 2]);
  assertStringIncludes(tool.output, "\x1b[?25h");
}

Deno.test("top: shows a running shunt, obeys keys, follows the terminal's size, and restores it", async () => {
  await withShunt(YAML, async (shunt) => {
    await using tool = top(shunt.ready.admin!);
    await untilSeen(tool, "[1 listeners]");
    using conn = await connect(shunt.port());
    await writeAll(conn, bytes("hello"));
    await untilSeen(tool, "1 sessions, 0 flows");
    await tool.type("2");
    await untilSeen(tool, "builtin:discard");
    await tool.type("/echo\r");
    await until(() => !screenOf(tool).includes("builtin:discard"), "the filter");
    await tool.type("\x1b");
    await untilSeen(tool, "builtin:discard");
    await tool.type("3");
    await untilSeen(tool, `127.0.0.1:${conn.localAddr.port}`);
    assertStringIncludes(screenOf(tool), "\x1b[7m");
    const [terminal] = tool.output.match(/\/dev\/pts\/\d+/)!;
    const { success } = await new Deno.Command("stty", {
      args: ["-F", terminal, "cols", "40", "rows", "10"],
    }).output();
    assert(success);
    await until(() => screenOf(tool).split("\r\n").length === 10, "the smaller screen");
    await tool.type("q");
    await ends(tool);
  });
});

Deno.test("top: SIGTERM ends it and restores the terminal; without color it shows none", async () => {
  await withShunt(YAML, async (shunt) => {
    await using tool = top(shunt.ready.admin!, "NO_COLOR=1");
    await untilSeen(tool, "[1 listeners]");
    assertEquals(screenOf(tool).includes("\x1b[7m"), false);
    const [, pid] = await tool.says(/pid (\d+)/);
    Deno.kill(Number(pid), "SIGTERM");
    await ends(tool);
  });
});

Deno.test("top: goes on while shunt does not answer", async () => {
  await withShunt(YAML, async (shunt) => {
    await using tool = top(shunt.ready.admin!);
    await untilSeen(tool, "is ready");
    shunt.kill("SIGTERM");
    await untilSeen(tool, "No answer: Nobody answers");
    await tool.type("q");
    await ends(tool);
    assertEquals(await shunt.exited(), 0);
  }, { ends: true });
});
