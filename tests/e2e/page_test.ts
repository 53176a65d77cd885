import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Page } from "./_chromium.ts";
import { type ShuntProcess, withShunt } from "./_process.ts";
import { bytes, connect, echo, readExactly, serveTcp, writeAll } from "./_shunt.ts";

const DESK = { scheme: "light", width: 1280, height: 900 } as const;
const PHONE = { scheme: "dark", width: 375, height: 800 } as const;
const TOKEN = "correct-horse-battery-staple";

/** A name that would be a program, were it ever taken for HTML. */
const HOSTILE = "<img/src=x/onerror=alert(1)>";

function yamlTo(port: number, admin = '{ bind: "127.0.0.1:0" }'): string {
  return `
listeners:
  edge:
    bind: "127.0.0.1:0"
    routes:
      - { match: { protocol: http }, upstream: web }
      - { match: { protocol: ssh }, upstream: gone }
      - { match: { protocol: unknown }, upstream: web }
upstreams:
  web: { targets: ["127.0.0.1:${port}"] }
  gone: { targets: ["127.0.0.1:1"], retries: 0 }
admin: ${admin}
`;
}

/** Opens a session that lives until it is closed, and is answered by an echo. */
async function open(shunt: ShuntProcess, first: string): Promise<Deno.TcpConn> {
  const conn = await connect(shunt.port());
  await writeAll(conn, bytes(first));
  await readExactly(conn, first.length);
  return conn;
}

function request(host: string): string {
  return `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
}

async function withPage(
  test: (page: Page, shunt: ShuntProcess, target: number) => Promise<void>,
  { admin, mayLogErrors = false }: { readonly admin?: string; readonly mayLogErrors?: boolean } =
    {},
): Promise<void> {
  await using target = serveTcp(echo);
  await withShunt(yamlTo(target.port, admin), async (shunt) => {
    await using page = await Page.open();
    await page.look(DESK);
    await page.go(`http://${shunt.ready.admin!.replace("0.0.0.0", "127.0.0.1")}/`);
    await test(page, shunt, target.port);
    // Nothing is loaded from elsewhere, nothing is asked elsewhere.
    const origin = new URL(page.requests.find((url) => url.startsWith("http:"))!).origin;
    assertEquals(page.requests.filter((url) => !url.startsWith(`${origin}/`)), []);
  }, { mayLogErrors });
}

Deno.test("page: shows live traffic, by listener, protocol and target", async () => {
  await withPage(async (page, shunt, target) => {
    await page.until('document.querySelector("#state").innerText === "Ready"', "the state");
    using conn = await open(shunt, request("a.example"));
    const refused = await connect(shunt.port());
    await writeAll(refused, bytes("SSH-2.0-test\r\n"));
    await refused.read(new Uint8Array(1)).catch(() => null);
    refused.close();
    const row = (table: string, name: string) =>
      `[...document.querySelectorAll("#${table} tbody tr")]
         .find((row) => row.cells[0].innerText === "${name}")`;
    await page.until(`${row("protocols", "http")}?.cells[2].innerText === "1"`, "http");
    await page.until(`${row("protocols", "ssh")}?.cells[2].innerText === "1"`, "ssh");
    await page.until(`${row("closes", "connect_refused")}?.cells[2].innerText === "1"`, "a reason");
    await page.until(`${row("listeners", "edge")}?.cells[2].innerText === "1"`, "sessions");
    await page.until(
      `${row("targets", `127.0.0.1:${target}`)}?.cells[4].innerText === "1"`,
      "a target",
    );
    assertStringIncludes(await page.text("#lives"), "a.example");
    // What is written now is seen as a rate, and in the chart's legend of names.
    const written = writeAll(conn, new Uint8Array(500_000));
    await Promise.all([written, readExactly(conn, 500_000)]);
    await page.until(`/[KM]iB/.test(document.querySelector("#now").innerText)`, "a rate");
    await page.until(`/http/.test(document.querySelector("#begun-chart").innerText)`, "a chart");
    const drawn = await page.value<number>(`document.querySelectorAll("canvas").length`);
    assertEquals(drawn, 2);
    assertEquals(page.errors, []);
  });
});

Deno.test("page: sessions are searched, and names from the network are text", async () => {
  await withPage(async (page, shunt) => {
    using _one = await open(shunt, request("needle.example"));
    using _two = await open(shunt, request(HOSTILE));
    using _three = await open(shunt, "\x00nobody knows this");
    const rows = 'document.querySelectorAll("#lives tbody tr:not(.empty)").length';
    await page.until(`${rows} === 3`, "three sessions");
    await page.tabTo("#text");
    await page.type("NEEDLE");
    await page.until(`${rows} === 1`, "the one that fits");
    assertStringIncludes(await page.text("#lives"), "needle.example");
    assertStringIncludes(await page.text("#found"), "1 found, 3 sessions running in all");
    for (let i = 0; i < 6; i++) await page.value('document.execCommand("delete")');
    await page.type("nothing has this");
    await page.until(`${rows} === 0`, "none that fits");
    assertStringIncludes(await page.text("#lives"), "Nothing matches now");
    assertEquals(await page.value('document.querySelectorAll("img").length'), 0);
    assertEquals(page.errors, []);
  });
});

Deno.test("page: sessions come page by page", async () => {
  await withPage(async (page, shunt) => {
    const conns: Deno.TcpConn[] = [];
    for (let i = 0; i < 60; i++) conns.push(await open(shunt, request(`host${i}.example`)));
    const rows = 'document.querySelectorAll("#lives tbody tr:not(.empty)").length';
    await page.until(`${rows} === 50`, "a full page");
    await page.tabTo("#next");
    await page.press("Enter");
    await page.until(`${rows} === 10`, "the rest");
    assertStringIncludes(await page.text("#found"), "Page 2: 10 shown, 60 sessions running in all");
    // The button that can do nothing any more hands the focus on.
    assertEquals(await page.value("document.activeElement.id"), "first");
    await page.press("Enter");
    await page.until(`${rows} === 50`, "the first page");
    for (const conn of conns) conn.close();
    assertEquals(page.errors, []);
  });
});

Deno.test("page: a target is drained and taken back by keyboard, after a question", async () => {
  await withPage(async (page, shunt, target) => {
    const button = `#targets button[aria-label="Drain 127.0.0.1:${target} of upstream web"]`;
    const back = `#targets button[aria-label="Take back 127.0.0.1:${target} of upstream web"]`;
    await page.until(`document.querySelector(${JSON.stringify(button)})`, "the button");
    const state = async () => {
      const answer = await fetch(`http://${shunt.ready.admin}/api/upstreams`);
      return (await answer.json()).upstreams[0].targets[0].state;
    };
    await page.tabTo(button);
    await page.press("Enter");
    await page.until('document.querySelector("#confirm").open', "the question");
    await page.press("Escape");
    await page.until('!document.querySelector("#confirm").open', "the question's end");
    assertEquals(await state(), "ready");
    // The focus is back where it was, and so Enter asks again.
    await page.until(`document.activeElement.matches(${JSON.stringify(button)})`, "the focus");
    await page.press("Enter");
    await page.until('document.querySelector("#confirm").open', "the question");
    await page.tabTo("#confirm-yes");
    await page.press("Enter");
    await page.until(`document.querySelector(${JSON.stringify(back)})`, "the drained target");
    assertEquals(await state(), "drain");
    assertEquals(await page.text("#result"), `127.0.0.1:${target} is drained`);
    await page.until(`document.activeElement.matches(${JSON.stringify(back)})`, "the focus");
    await page.press("Enter");
    await page.until('document.querySelector("#confirm").open', "the other question");
    await page.tabTo("#confirm-yes");
    await page.press(" ");
    await page.until(`document.querySelector(${JSON.stringify(button)})`, "the target in use");
    assertEquals(await state(), "ready");
    assertEquals(page.errors, []);
  });
});

Deno.test("page: shows the result of a reload", async () => {
  await withPage(async (page, shunt) => {
    const reload = async () => {
      await page.tabTo("#reload");
      await page.press("Enter");
      await page.tabTo("#confirm-yes");
      await page.press("Enter");
    };
    await reload();
    const said = (text: string) =>
      page.until(`document.querySelector("#result").innerText.includes("${text}")`, text);
    await said("Nothing has changed");
    assertEquals(page.errors, []);
    const config = `${shunt.readyFile.slice(0, shunt.readyFile.lastIndexOf("/"))}/config.yaml`;
    await Deno.writeTextFile(config, "listeners: 7\n");
    await reload();
    await said("Not reloaded");
    assertStringIncludes(await page.text("#result"), "config.yaml:1");
  }, { mayLogErrors: true });
});

Deno.test("page: asks for the token once if everything needs it", async () => {
  const token = await Deno.makeTempFile();
  await Deno.writeTextFile(token, TOKEN);
  await Deno.chmod(token, 0o600);
  try {
    await withPage(async (page, _, target) => {
      await page.until('document.querySelector("#token").open', "the question");
      assertEquals(await page.value("document.activeElement.id"), "token-input");
      await page.type("not-the-right-token");
      await page.press("Enter");
      await page.until(
        'document.querySelector("#token-text").innerText.includes("is not the one")',
        "the refusal",
      );
      await page.press("Escape");
      await page.until('!document.querySelector("#unlock").hidden', "the way to try again");
      await page.tabTo("#unlock");
      await page.press("Enter");
      await page.until('document.querySelector("#token").open', "the question");
      await page.type(TOKEN);
      await page.press("Enter");
      await page.until('document.querySelector("#state").innerText === "Ready"', "the state");
      await page.tabTo(`#targets button[aria-label="Drain 127.0.0.1:${target} of upstream web"]`);
      await page.press("Enter");
      await page.tabTo("#confirm-yes");
      await page.press("Enter");
      await page.until(
        'document.querySelector("#result").innerText.includes("drained")',
        "a change",
      );
      await page.value("location.reload()");
      await page.until('document.querySelector("#state")?.innerText === "Ready"', "the token kept");
      assertEquals(page.errors.filter((error) => !error.includes("401")), []);
    }, { admin: `{ bind: "0.0.0.0:0", token_file: "${token}" }` });
  } finally {
    await Deno.remove(token);
  }
});

Deno.test("page: shows that shunt drains, and that it has ended", async () => {
  await using target = serveTcp(echo);
  await withShunt(`${yamlTo(target.port)}\ndrain_timeout: 30s`, async (shunt) => {
    await using page = await Page.open();
    await page.look(DESK);
    await page.go(`http://${shunt.ready.admin}/`);
    const conn = await open(shunt, request("a.example"));
    await page.until(
      'document.querySelector("#lives").innerText.includes("a.example")',
      "a session",
    );
    shunt.kill("SIGTERM");
    await page.until('document.querySelector("#state").innerText.startsWith("Draining")', "drain");
    conn.close();
    await page.until(
      'document.querySelector("#state").innerText.startsWith("No answer")',
      "the end",
    );
    assert(await page.value('document.body.classList.contains("stale")'));
    assertEquals(await shunt.exited(), 0);
  }, { ends: true });
});

Deno.test("page: fits a screen and a phone, in light and dark", async () => {
  await withPage(async (page, shunt) => {
    using _conn = await open(shunt, request(`${"long-name.".repeat(20)}example`));
    const folder = Deno.env.get("SHUNT_SCREENSHOTS");
    const seen = new Set<string>();
    for (
      const look of [
        DESK,
        { ...DESK, scheme: "dark" },
        { ...PHONE, scheme: "light" },
        PHONE,
      ] as const
    ) {
      await page.look(look);
      await page.until('document.querySelector("#lives").innerText.includes("long-name")', "rows");
      // Charts take their new width a frame later.
      await page.until(
        `document.documentElement.scrollWidth === ${look.width}`,
        "the page to fit without scrolling sideways",
      );
      seen.add(await page.value("getComputedStyle(document.body).backgroundColor"));
      if (folder !== undefined) await page.shoot(`${folder}/page-${look.scheme}-${look.width}.png`);
    }
    assertEquals(seen.size, 2, "light and dark look the same");
    assertEquals(page.errors, []);
  });
});
