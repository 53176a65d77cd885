import { assertEquals, assertMatch } from "@std/assert";
import { byName } from "./_opening.ts";
import { Certificates } from "./_openssl.ts";
import { findPostgres, libpqVersion, PostgresServers, whoAnswers } from "./_postgres.ts";
import { startShunt } from "./_shunt.ts";

const bin = findPostgres();

Deno.test({
  name: "postgres: two servers behind one port are told apart by the name that psql asks for",
  ignore: bin === undefined,
  async fn(t) {
    await using certificates = await Certificates.make("a.db.test", "b.db.test");
    await using servers = await PostgresServers.make(bin!);
    const a = await servers.start({ name: "a", host: "a.db.test" }, certificates);
    const b = await servers.start({ name: "b", host: "b.db.test" }, certificates);
    const plain = await servers.start({ name: "plain" }, certificates);
    await using shunt = await startShunt(
      byName({
        a: [plain.port, a.port],
        b: [b.port],
        clear: [plain.port],
        upstream: ", retries: 1",
      }),
    );
    const verified = { sslmode: "verify-full", sslrootcert: certificates.authority };
    const ask = (host: string, settings: Readonly<Record<string, string>>) =>
      whoAnswers(shunt.port(), { host, ...settings });

    await t.step("each by its own certificate", async () => {
      assertEquals(await ask("b.db.test", verified), "b tls");
      const { detected, target } = await shunt.ended();
      assertEquals([detected?.protocol, detected?.facts.sni], ["postgres", "b.db.test"]);
      assertEquals(target, `127.0.0.1:${b.port}`);
    });

    await t.step("a target without TLS is passed over", async () => {
      for (let i = 0; i < 3; i++) {
        assertEquals(await ask("a.db.test", verified), "a tls");
        assertEquals((await shunt.ended()).target, `127.0.0.1:${a.port}`);
      }
    });

    await t.step("and is the reason if there is no other", async () => {
      await using alone = await startShunt(byName({ a: [plain.port] }));
      const said = await whoAnswers(alone.port(), { host: "a.db.test", ...verified });
      assertMatch(said, /SSL|closed/);
      assertEquals((await alone.ended()).reason, "opening_refused");
    });

    await t.step("clients without TLS go where routes without a name lead", async () => {
      assertEquals(await ask("a.db.test", { sslmode: "disable" }), "plain clear");
      const { detected, upstream } = await shunt.ended();
      assertEquals([detected, upstream], [{ protocol: "postgres", facts: {} }, "clear"]);
    });

    await t.step("clients that prefer TLS get it", async () => {
      assertEquals(await ask("b.db.test", { sslmode: "prefer" }), "b tls");
      await shunt.ended();
    });

    await t.step("a name that no server has is told by its certificate", async () => {
      await using wrong = await startShunt(byName({ a: [b.port] }));
      const said = await whoAnswers(wrong.port(), { host: "a.db.test", ...verified });
      assertMatch(
        said,
        /server certificate for "b\.db\.test" does not match host name "a\.db\.test"/,
      );
    });

    await t.step({
      name: "TLS without asking first (libpq 17)",
      ignore: libpqVersion() < 17,
      async fn() {
        await using direct = await startShunt(
          byName({ a: [a.port] }).replaceAll(
            "protocol: postgres, sni",
            "protocol: [postgres, tls], sni",
          ),
        );
        const settings = { host: "a.db.test", sslnegotiation: "direct", ...verified };
        assertEquals(await whoAnswers(direct.port(), settings), "a tls");
        assertEquals((await direct.ended()).detected?.protocol, "tls");
      },
    });
  },
});
