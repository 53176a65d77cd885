import { assertEquals, assertMatch } from "@std/assert";
import http2 from "node:http2";
import { HelloResponder } from "../../../src/builtin/hello.ts";
import { run } from "../../e2e/_tools.ts";
import { INFO } from "./_talk.ts";

/** Serves hello on a free port, as long as the returned object lives. */
function serve() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let accepted = 0;
  const running = new Set<Promise<void>>();
  const accepting = (async () => {
    for await (const conn of listener) {
      accepted++;
      const one = converse(conn).finally(() => running.delete(one));
      running.add(one);
    }
  })();
  return {
    accepted: () => accepted,
    url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(running);
    },
  };
}

async function converse(conn: Deno.TcpConn): Promise<void> {
  const hello = new HelloResponder(INFO);
  const buffer = new Uint8Array(65_536);
  let ended = false;
  try {
    for (;;) {
      const count = await conn.read(buffer);
      const { reply, close } = count === null ? hello.eof() : hello.push(buffer.subarray(0, count));
      for (let at = 0; reply !== undefined && at < reply.length;) {
        at += await conn.write(reply.subarray(at));
      }
      if (close && !ended) await conn.closeWrite();
      ended ||= close;
      if (count === null) return;
    }
  } catch (error) {
    // A client that has all it wanted may leave without reading on.
    if (
      !(error instanceof Deno.errors.ConnectionReset) && !(error instanceof Deno.errors.BrokenPipe)
    ) {
      throw error;
    }
  } finally {
    conn.close();
  }
}

/** Fails with the name of the package if there is no curl. */
function curl(...args: string[]): Promise<string> {
  return run("curl", ["--silent", "--show-error", "--fail", "--max-time", "10", ...args]);
}

for (const version of ["--http1.0", "--http1.1", "--http2", "--http2-prior-knowledge"]) {
  Deno.test(`hello: curl ${version} gets the page`, async () => {
    await using server = serve();
    const page = JSON.parse(await curl(version, `${server.url}/x`));
    assertEquals(page, { ...INFO, method: "GET", path: "/x" });
  });

  Deno.test(
    `hello: curl ${version} sends a large body and gets the page`,
    async () => {
      await using server = serve();
      const file = await Deno.makeTempFile();
      try {
        await Deno.writeFile(file, new Uint8Array(3_000_000));
        const page = await curl(version, "--data-binary", `@${file}`, `${server.url}/x`);
        assertEquals(JSON.parse(page).id, INFO.id);
      } finally {
        await Deno.remove(file);
      }
    },
  );

  Deno.test(`hello: curl ${version} asks for the head only`, async () => {
    await using server = serve();
    assertMatch(
      await curl(version, "--head", `${server.url}/x`),
      /content-type: application\/json/,
    );
  });
}

Deno.test("hello: curl fetches many pages over one connection", async () => {
  await using server = serve();
  const pages = await curl("--http1.1", `${server.url}/[1-300]`);
  assertEquals(pages.split(`"id": "${INFO.id}"`).length, 301);
  assertEquals(server.accepted(), 1);
});

// curl 7.88 cannot use an HTTP/2 connection with prior knowledge again, so node's client does.
Deno.test("hello: node:http2 fetches many pages over one connection", async () => {
  await using server = serve();
  const session = http2.connect(server.url);
  const fetchPage = (path: string) =>
    new Promise<string>((resolve, reject) => {
      const request = session.request({ ":path": path });
      let page = "";
      request.setEncoding("utf8");
      request.on("data", (part: string) => page += part);
      request.on("end", () => resolve(page));
      request.on("error", reject);
      request.end();
    });
  const pages: string[] = [];
  for (let i = 0; i < 30; i++) {
    pages.push(...await Promise.all(Array.from({ length: 10 }, (_, j) => fetchPage(`/${i}/${j}`))));
  }
  assertEquals(new Set(pages.map((page) => JSON.parse(page).id)), new Set([INFO.id]));
  assertEquals([pages.length, server.accepted()], [300, 1]);
  await new Promise<void>((closed) => session.close(closed));
});
