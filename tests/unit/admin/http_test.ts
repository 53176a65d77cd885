import { assertEquals, assertStringIncludes } from "@std/assert";
import { HttpServer } from "../../../src/admin/http.ts";

const ANSWER = "x".repeat(2_000_000);
const REQUEST = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

async function readAll(conn: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of conn.readable) text += decoder.decode(part, { stream: true });
  return text;
}

/** A server for one test, on a listener whose first calls of `accept` fail. */
async function withServer(
  failures: readonly Error[],
  body: (address: { hostname: string; port: number }, errors: unknown[]) => Promise<void>,
): Promise<number> {
  const real = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = real.addr;
  let asked = 0;
  const left = [...failures];
  const listener = new Proxy(real, {
    get(target, key) {
      const failure = key === "accept" ? left.shift() : undefined;
      if (failure !== undefined) return () => Promise.reject(failure);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const errors: unknown[] = [];
  const server = new HttpServer(listener, {
    handler: () => {
      asked++;
      return new Response(ANSWER);
    },
    onError: (error) => errors.push(error),
  });
  try {
    await body({ hostname, port }, errors);
  } finally {
    await server.close();
  }
  return asked;
}

Deno.test("admin http: recovers after descriptors had run out, and reports it once", async () => {
  await withServer(
    Array<Error>(3).fill(new Error("Too many open files")),
    async (address, errors) => {
      const conn = await Deno.connect(address);
      await conn.write(REQUEST);
      assertStringIncludes(await readAll(conn), "HTTP/1.1 200 OK");
      assertEquals(errors.map(String), ["Error: Too many open files"]);
    },
  );
});

Deno.test("admin http: clients that left before they were accepted delay no other client", async () => {
  const gone = Array<Error>(1000).fill(new Deno.errors.NotConnected("No such client"));
  await withServer(gone, async (address, errors) => {
    const conn = await Deno.connect(address);
    await conn.write(REQUEST);
    assertStringIncludes(await readAll(conn), "HTTP/1.1 200 OK");
    assertEquals(errors, []);
  });
});

Deno.test("admin http: a connection gets one answer, however many requests it sends", async () => {
  const asked = await withServer([], async (address) => {
    const conn = await Deno.connect(address);
    for (let i = 0; i < 20; i++) await conn.write(REQUEST);
    const text = await readAll(conn).catch(() => "");
    assertEquals(text.split("HTTP/1.1").length - 1 <= 1, true);
  });
  assertEquals(asked, 1);
});

Deno.test("admin http: a client that reads late gets all of a long answer, one that reads nothing delays no other", async () => {
  await withServer([], async (address) => {
    const [late, never] = [await Deno.connect(address), await Deno.connect(address)];
    await never.write(REQUEST);
    await late.write(REQUEST);
    const text = await readAll(late);
    assertEquals(text.length - text.indexOf("\r\n\r\n") - 4, ANSWER.length);
    assertStringIncludes(text.toLowerCase(), "connection: close");
    never.close();
  });
});
