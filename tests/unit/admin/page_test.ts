import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { makePageFiles } from "../../../scripts/_page.ts";
import { wantsPage } from "../../../src/admin/page.ts";
import { assertGolden } from "../_golden.ts";
import { type Asked, startTestAdmin } from "./_control.ts";

const FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

Deno.test("page: its files are what src/admin/page/ makes", async () => {
  await assertGolden("src/admin/page_files.ts", await makePageFiles());
});

Deno.test("page: clients that ask for HTML get it, others get plain text", async () => {
  const table = [
    [FIREFOX, true],
    ["text/html", true],
    ["application/json, TEXT/HTML;q=0.5", true],
    ["*/*", false],
    ["text/html-sandboxed", false],
    ["application/text/html", false],
    [undefined, false],
  ] as const;
  for (const [accept, wanted] of table) assertEquals([accept, wantsPage(accept)], [accept, wanted]);
  await using shunt = await startTestAdmin();
  const page = await shunt.ask("GET", "/", { headers: { accept: FIREFOX } });
  assertEquals([page.status, page.headers["content-type"]], [200, "text/html; charset=utf-8"]);
  assertStringIncludes(page.text, "<!DOCTYPE html>");
  const plain = await shunt.ask("GET", "/", { headers: { accept: "*/*" } });
  assertEquals(plain.headers["content-type"], "text/plain; charset=utf-8");
  assertStringIncludes(plain.text, "POST  /api/reload");
});

function policyOf({ headers }: Asked): ReadonlyMap<string, string> {
  const policy = String(headers["content-security-policy"]);
  return new Map(
    policy.split("; ").map((rule) => {
      const [name, ...values] = rule.split(" ");
      return [name!, values.join(" ")];
    }),
  );
}

Deno.test("page: may load its own files and ask its own address, and nothing else", async () => {
  await using shunt = await startTestAdmin();
  const page = await shunt.ask("GET", "/", { headers: { accept: FIREFOX } });
  const policy = policyOf(page);
  assertEquals(policy.get("default-src"), "'none'");
  assertEquals(policy.get("frame-ancestors"), "'none'");
  for (const [name, value] of policy) {
    assert(["'none'", "'self'", "'script'"].includes(value), `${name} ${value}`);
  }
  assertEquals(page.headers["x-content-type-options"], "nosniff");
  const files = [...page.text.matchAll(/ (?:src|href)="([^"#][^"]*)"/g)].map(([, path]) => path!);
  assertEquals(files.toSorted(), ["icon.svg", "page.css", "page.js"]);
  for (const path of files) {
    const { status, headers, text } = await shunt.ask("GET", `/${path}`);
    assertEquals([path, status, headers["cache-control"]], [path, 200, "no-store"]);
    assert(text.length > 100);
  }
});

Deno.test("page: has nothing inline, and no text becomes HTML", async () => {
  await using shunt = await startTestAdmin();
  const { text } = await shunt.ask("GET", "/", { headers: { accept: FIREFOX } });
  assertEquals(text.match(/<style|<script(?![^>]* src=)[^>]*>|\sstyle=|\son\w+=/i), null);
  const { text: code } = await shunt.ask("GET", "/page.js");
  assertEquals(code.match(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/), null);
  assertStringIncludes(code, "Leon Sorokin");
});

Deno.test("page: every control has a name, and every id is there once", async () => {
  await using shunt = await startTestAdmin();
  const { text } = await shunt.ask("GET", "/", { headers: { accept: FIREFOX } });
  const ids = [...text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id!);
  assertEquals(ids.length, new Set(ids).size);
  const named = [...text.matchAll(/\saria-(?:labelledby|describedby)="([^"]+)"/g)];
  for (const [, id] of named) assert(ids.includes(id!), `#${id} is not there`);
});
