import { assert, assertEquals } from "@std/assert";
import { convertConfig } from "../../../src/convert/mod.ts";
import { PROTOCOLS } from "../../../src/detect/mod.ts";
import { assertGolden } from "../_golden.ts";
import { convertAndLoad, targetOf } from "./_convert.ts";

const DATA = new URL("../../testdata/convert/", import.meta.url);
const FILES = {
  "edge.toml": ["rpxy-l4", 6],
  "sslh.cfg": ["sslh", 10],
  "stream.conf": ["nginx", 11],
} as const;

async function read(file: string): Promise<string> {
  return await Deno.readTextFile(new URL(file, DATA));
}

for (const [file, [format, unconverted]] of Object.entries(FILES)) {
  Deno.test(`convert: ${file} gives the same result as ever`, async () => {
    const converted = convertConfig(await read(file), { file, protocols: PROTOCOLS });
    await assertGolden(`tests/testdata/convert/${file}.yaml`, converted.yaml);
    assertEquals([converted.format, converted.unconverted], [format, unconverted]);
  });

  Deno.test(`convert: every comment of ${file} names a line that contains its quote`, async () => {
    const lines = (await read(file)).split("\n");
    const { yaml } = convertAndLoad(await read(file));
    const comments = [...yaml.matchAll(/# Line ([0-9]+), "([^"]+)":/g)];
    assert(comments.length > 5);
    for (const [comment, line, directive = ""] of comments) {
      const words = directive.split(/[\s:.]+/).filter((word) => /\w{2}/.test(word));
      const text = lines[Number(line) - 1] ?? "";
      assert(words.some((word) => text.includes(word)), `${comment} ${text}`);
    }
  });
}

const SEEN: readonly [file: keyof typeof FILES, seen: Parameters<typeof targetOf>[1], string?][] = [
  ["edge.toml", { listener: "tcp", sni: "www.example.com", alpn: ["h2"] }, "10.1.0.3:443"],
  ["edge.toml", { listener: "tcp", sni: "www.example.com", alpn: ["dot"] }, "10.1.0.1:443"],
  ["edge.toml", { listener: "tcp", sni: "other.example.com", alpn: ["dot"] }, "10.1.0.2:853"],
  ["edge.toml", { listener: "tcp", sni: "other.example.com" }],
  ["edge.toml", { listener: "tcp", protocol: "ssh" }, "bastion.internal:22"],
  ["edge.toml", { listener: "tcp", protocol: "unknown" }, "fallback.internal:25"],
  ["edge.toml", { listener: "udp", transport: "udp", protocol: "quic" }, "10.1.0.9:53"],
  ["sslh.cfg", { listener: "tcp", protocol: "silent" }, "localhost:22"],
  ["sslh.cfg", { listener: "tcp", protocol: "unknown" }, "10.2.0.5:7"],
  ["sslh.cfg", { listener: "tcp", protocol: "socks5" }, "10.2.0.5:7"],
  [
    "sslh.cfg",
    { listener: "tcp", sni: "a.chat.example.com", alpn: ["xmpp-client"] },
    "10.2.0.1:5223",
  ],
  ["sslh.cfg", { listener: "tcp-2", sni: "a.chat.example.com" }, "/run/web.sock"],
  ["sslh.cfg", { listener: "udp", transport: "udp", protocol: "wireguard" }, "10.2.0.3:51820"],
  ["stream.conf", { listener: "tcp-443", sni: "www.example.com" }, "/run/shop.sock"],
  ["stream.conf", { listener: "tcp-443", sni: "old.example.com" }, "reset"],
  ["stream.conf", { listener: "tcp-443", sni: "x.api.example.org" }, "api-1.internal:443"],
  ["stream.conf", { listener: "tcp-443", sni: "api.example.org" }, "10.3.0.3:443"],
  ["stream.conf", { listener: "tcp-443", sni: "example.org" }, "10.3.0.3:443"],
  ["stream.conf", { listener: "tcp-443", sni: "b.cdn.net" }, "10.3.0.7:443"],
  ["stream.conf", { listener: "tcp-443", sni: "elsewhere.net" }, "10.3.0.1:443"],
  ["stream.conf", { listener: "tcp-443", protocol: "ssh" }, "10.3.0.9:22"],
  ["stream.conf", { listener: "tcp-9443", source: "10.9.1.1" }, "reset"],
  ["stream.conf", { listener: "tcp-9443", source: "10.8.1.1" }, "10.3.0.1:443"],
  ["stream.conf", { listener: "tcp-9443", source: "192.0.2.1" }],
  ["stream.conf", { listener: "udp-53", transport: "udp", protocol: "unknown" }, "10.3.0.5:53"],
];

Deno.test("convert: clients go where they went before", async () => {
  for (const [file, seen, target] of SEEN) {
    const { config } = convertAndLoad(await read(file));
    assertEquals(targetOf(config, seen), target, `${file} ${JSON.stringify(seen)}`);
  }
});
