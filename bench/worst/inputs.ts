/**
 * The table of worst inputs: those that cost each parser of network input the most, at any size. A new one
 * needs one entry here.
 *
 * @module
 */

import { DETECTORS } from "../../src/detect/mod.ts";
import { hostName } from "../../src/wire/host_name.ts";
import { hostOf } from "../../src/wire/authority.ts";
import { parseProxyHeader } from "../../src/wire/proxy_protocol.ts";
import {
  buildClientHello,
  bytesOf,
  concat,
  type HelloOptions,
  prefixed,
  recordize,
} from "../../tests/unit/_hello.ts";
import { vectorsOf } from "../../tests/unit/detect/_vectors.ts";
import { buildInitial, encodeVarint, MIN_DATAGRAM } from "../../tests/unit/_quic.ts";
import { type Feed, flow, needing, stream, type Worst } from "./feed.ts";

/** `detect.max_bytes` unless set. */
const MAX_BYTES = 65_536;
/** Datagrams of a flow that are held. */
const MAX_DATAGRAMS = 64;
/** The longest hello that its lengths allow (RFC 8446 §4.1.2), as far as a session's bytes are kept. */
const MAX_HELLO = 60_000;

type Make = (size: number) => Uint8Array;

/** A head, then the same piece repeatedly. */
function repeated(head: Uint8Array | string, piece: Uint8Array | string): Make {
  const [first, next] = [head, piece].map((one) => typeof one === "string" ? bytesOf(one) : one);
  return (size) => {
    const bytes = new Uint8Array(Math.max(size, first!.length));
    for (let at = first!.length; at < size; at += next!.length) {
      bytes.set(next!.subarray(0, size - at), at);
    }
    bytes.set(first!);
    return bytes;
  };
}

/** Streams, up to the largest size that is kept of a session. */
function streams(parser: string, makes: Readonly<Record<string, Make>>): readonly Worst[] {
  return Object.entries(makes).map(([name, make]) => ({
    ...{ parser, name, cap: MAX_BYTES, feed: stream },
    make: (size) => [make(size)],
  }));
}

function hello(fill: (bytes: number) => HelloOptions): Make {
  return (size) => recordize(buildClientHello(fill(size)));
}

/** Two-byte values, all different as far as possible. */
function values(bytes: number): readonly number[] {
  return Array.from({ length: Math.floor(bytes / 2) }, (_, i) => (0x2000 + i * 7919) & 0xffff);
}

function list(numbers: readonly number[]): Uint8Array {
  return prefixed(2, Uint8Array.from(numbers.flatMap((value) => [value >> 8, value & 255])));
}

/** Index of the first cipher suite in a hello of one record. */
const SUITE = 5 + 4 + 2 + 32 + 1 + 32 + 2;

/** Hellos with fingerprints that must not be remembered from the time before. */
const HELLOS: readonly Worst[] = streams("tls", {
  "padded hello in 1-byte records": (size) => recordize(buildClientHello({ size: size / 6 }), [1]),
  "record headers alone": repeated("\x16\x03\x01\0\x01\x01", "\x16\x03\x01\0\x01\x01"),
  "empty records": repeated("\x16\x03\x01\0\x01\x01", "\x16\x03\x01\0\0"),
  "protocol names of 255 bytes": hello((size) => ({
    alpn: Array.from({ length: size / 256 }, () => "x".repeat(255)),
  })),
  "protocol names of a byte": hello((size) => ({
    alpn: Array.from({ length: size / 2 }, () => "x"),
  })),
  "cipher suites": hello((size) => ({ suites: values(size) })),
  "empty extensions": hello((size) => ({
    after: values(size / 2).slice(1).map((type) => [type, new Uint8Array(0)] as const),
  })),
  "the same extension": hello((size) => ({
    after: Array.from({ length: size / 4 }, () => [0x1234, new Uint8Array(0)] as const),
  })),
  "signature algorithms": hello((size) => ({ after: [[13, list(values(size))]] })),
  "supported versions": hello((size) => ({
    after: [[43, prefixed(1, new Uint8Array(Math.min(254, size & ~1)).fill(3))]],
  })),
  "a server name that is none": hello((size) => ({ sni: "a".repeat(size) })),
}).map((one) => ({
  ...one,
  cap: MAX_HELLO,
  freshen([bytes], time) {
    bytes![SUITE] = 0x40 | (time >> 8 & 63);
    bytes![SUITE + 1] = time & 255;
  },
}));

const LINE = "GET / HTTP/1.1\r\n";
const HTTP1: readonly Worst[] = streams("http", {
  "short fields": repeated(LINE, "a:\n"),
  "511 fields": (size) => repeated(LINE, `a:${"b".repeat(size / 511)}\n`)(size - 100),
  "Host fields": repeated(LINE, "Host: a.example\r\n"),
  "Host fields that fold": repeated(`${LINE}Host:`, "\r\n "),
  "a Host of blanks": repeated(`${LINE}Host: `, " "),
  "a long name": repeated(`${LINE}Host: `, "a"),
  "a long port": repeated(`${LINE}Host: a:`, "8"),
  "a long line": repeated(`${LINE}X: `, "y"),
  "carriage returns": repeated(`${LINE}X: `, "\r"),
  "blank lines": repeated("\r\n", "\r\n"),
  "a long method": repeated("M", "M"),
  "blanks before the target": repeated("GET ", " "),
  "a long target": repeated("GET /", "x"),
  "a long scheme": repeated("GET a", "a"),
  "blanks before the version": repeated("GET / ", " "),
  "a long version": repeated("GET / HTTP/1.", "0"),
  "user information": (size) =>
    concat(repeated("GET http://", "@")(size - 60), bytesOf(" HTTP/1.1\r\nHost: a\r\n\r\n")),
});

/** The preface and empty SETTINGS (RFC 9113 §3.4). */
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

function frame(type: number, flags: number, payload: Uint8Array): Uint8Array {
  return concat(prefixed(3, payload).subarray(0, 3), [type, flags, 0, 0, 0, 1], payload);
}

/** A header block in as many frames as it takes. */
function request(block: Uint8Array): Uint8Array {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < block.length || at === 0; at += 16_384) {
    const last = at + 16_384 >= block.length;
    frames.push(frame(at === 0 ? 1 : 9, last ? 4 : 0, block.subarray(at, at + 16_384)));
  }
  return concat(bytesOf(PREFACE), ...frames);
}

function block(head: Uint8Array | string, piece: Uint8Array | string): Make {
  const make = repeated(head, piece);
  return (size) => request(make(size - 100));
}

/** A host of 250 bytes that goes into the table. */
const HOST_250 = concat([0x66, 0x7f, 250 - 127], bytesOf(`${"a.".repeat(124)}aa`));
const HTTP2: readonly Worst[] = streams("http", {
  "empty frames": repeated(PREFACE, "\0\0\0\x04\x01\0\0\0\0"),
  "empty CONTINUATIONs": repeated(`${PREFACE}\0\0\0\x01\0\0\0\0\x01`, "\0\0\0\x09\0\0\0\0\x01"),
  "CONTINUATIONs of a byte": repeated(
    `${PREFACE}\0\0\0\x01\0\0\0\0\x01`,
    "\0\0\x01\x09\0\0\0\0\x01\x82",
  ),
  "references to a host": block(HOST_250, "\xbe"),
  "references to a field": block("\x82", "\x82"),
  "table sizes": block(" ", " "),
  "table sizes of three bytes": block("\x3f\xe1\x1f", "\x3f\xe1\x1f"),
  "entries that evict others": block("@\x01a\x01b", "@\x01a\x01b"),
  "entries and clearings": block("@\x01a\x01b ", "\x3f\xe1\x1f@\x01a\x01b "),
  "a value in Huffman code": (size) => request(huffman(size - 100)),
  "a plain value": (size) => request(literal(size - 100, 0)),
  "fields in Huffman code": block("\0\x81\x1f\x81\x1f", "\0\x81\x1f\x81\x1f"),
});

/** A field that is not indexed, with a value of this size. */
function literal(size: number, huffman: 0 | 0x80): Uint8Array {
  const length = [huffman | 127, (size - 127) & 127 | 128, (size - 127) >> 7 & 127 | 128];
  const bytes = huffman === 0 ? new Uint8Array(size).fill(0x61) : new Uint8Array(size).fill(0x18);
  return concat([0, 1, 0x61], length, [(size - 127) >> 14], bytes);
}

function huffman(size: number): Uint8Array {
  return literal(size, 0x80);
}

const SMALL: readonly Worst[] = [
  ...streams("socks4", {
    "a long user": repeated("\x04\x01\0\x50\x01\x02\x03\x04", "u"),
    "a long domain": repeated("\x04\x01\0\x50\0\0\0\x01u\0", "d"),
  }),
  ...streams("socks5", { "many methods": repeated("\x05\xff\0", "\0") }),
].map((one) => ({ ...one, cap: 512 }));

/** A startup message whose parameters are as short as can be. */
function startup(size: number): Uint8Array {
  const length = Math.min(size, 10_004);
  const bytes = new Uint8Array(length);
  bytes.set([0, 0, length >> 8, length & 255, 0, 3]);
  for (let at = 8; at < length - 4; at += 3) bytes[at] = 0x61;
  return bytes;
}

const OTHERS: readonly Worst[] = [
  ...SMALL,
  ...streams("postgres", { "many parameters": startup }).map((one) => ({ ...one, cap: 10_004 })),
  ...streams("ssh", {
    "a long version": repeated("SSH-2.0-", "x"),
    "digits": repeated("SSH-1.9", "9"),
  }),
  ...streams("unknown", {
    "zeros": repeated("\0", "\0"),
    "letters": repeated("a", "a"),
    "words": repeated("a b", "a b "),
  }),
];

/** An Initial packet from a sender without keys: a valid header, then noise. */
function forged(size: number, seed: number): Uint8Array {
  const dcid = Uint8Array.from({ length: 8 }, (_, i) => (seed * 131 + i * 17) & 255);
  const head = concat([0xc0, 0, 0, 0, 1, 8], dcid, [0, 0]);
  const rest = Math.max(32, size - head.length - 4);
  const noise = Uint8Array.from({ length: rest }, (_, i) => (i * 151 + seed) & 255);
  return concat(head, encodeVarint(rest, 4), noise);
}

function datagrams(size: number, make: (index: number) => Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: Math.max(1, Math.floor(size / MIN_DATAGRAM)) }, (_, i) => make(i));
}

const MESSAGE = buildClientHello({ size: 60_000 });

/** Packets that authenticate, full of frames. */
function tinyFrames(index: number): Uint8Array {
  const at = index * 280;
  const frames = Array.from(
    { length: 280 },
    (_, i) => concat([6], encodeVarint(at + i, 2), [1], MESSAGE.subarray(at + i, at + i + 1)),
  );
  return authentic(concat(...frames).subarray(0, 1120), index);
}

/** A packet that authenticates, with the minimum length of one that begins a connection. */
function authentic(frames: Uint8Array, index: number): Uint8Array {
  return buildInitial(frames, { number: index & 127, size: MIN_DATAGRAM });
}

/** Packets in one datagram of which all but the last authenticate. */
function crowded(index: number, last: Uint8Array): Uint8Array {
  const packet = buildInitial(Uint8Array.of(1), { number: index & 127 });
  const broken = packet.with(-1, packet.at(-1)! ^ 1);
  return concat(...Array.from({ length: 30 }, () => broken), last);
}

function flows(
  parser: string,
  makes: Readonly<Record<string, (size: number) => readonly Uint8Array[]>>,
): readonly Worst[] {
  return Object.entries(makes).map(([name, make]) => ({
    ...{ parser, name, make, feed: flow, cap: MAX_DATAGRAMS * MIN_DATAGRAM, cuts: [Infinity] },
  }));
}

const FLOWS: readonly Worst[] = [
  ...flows("quic", {
    "a forged Initial": (size) => [forged(Math.min(size, 65_507), 1)],
    "a short forged Initial": () => [forged(60, 1)],
    "forged Initials": (size) => datagrams(size, (i) => forged(MIN_DATAGRAM, i)),
    "forged Initials after one that is none": (size) =>
      datagrams(size, (i) => i === 0 ? tinyFrames(1) : forged(MIN_DATAGRAM, i)),
    "forged packets in each datagram": (size) =>
      datagrams(
        size,
        (i) => i === 0 ? tinyFrames(1) : concat(...Array.from({ length: 20 }, () => forged(60, i))),
      ),
    "CRYPTO frames of a byte": (size) => datagrams(size, tinyFrames),
    "CRYPTO frames of a byte, backwards": (size) => datagrams(size, tinyFrames).toReversed(),
    "every other CRYPTO frame": (size) =>
      datagrams(size * 2, tinyFrames).filter((_, i) => i % 2 === 1),
    "padding": (size) => datagrams(size, (i) => authentic(new Uint8Array(1100), i)),
    "pings": (size) => datagrams(size, (i) => authentic(new Uint8Array(1100).fill(1), i)),
    "broken packets before each that opens": (size) =>
      datagrams(size, (i) => crowded(i, authentic(Uint8Array.of(1), i))),
    "packet numbers that jump": (size) =>
      datagrams(size, (i) =>
        buildInitial(Uint8Array.of(1), {
          number: i * 2000,
          numberBytes: i % 2 === 0 ? 4 : 1,
          size: MIN_DATAGRAM,
        })),
  }),
  ...flows("wireguard", {
    "noise": (size) => datagrams(size, () => new Uint8Array(MIN_DATAGRAM).fill(1)),
    "a long message": (size) => [repeated("\x04\0\0\0", "\0")(size)],
  }),
];

const LATIN1 = new TextDecoder("latin1");

/** A parser of text, which takes it all at once. */
function text(parse: (text: string) => unknown): Feed {
  return ([bytes]) => void parse(LATIN1.decode(bytes));
}

const V2 = "\r\n\r\n\0\r\nQUIT\n\x21\x11";

/** A version 2 header with TLVs of these bytes. */
function tlvs(piece: string): Make {
  return (size) => {
    const rest = repeated("\x01\x02\x03\x04\x05\x06\x07\x08\0\x50\x01\xbb", piece)(
      Math.min(size, 65_535) - 20,
    );
    return concat(bytesOf(V2), prefixed(2, rest));
  };
}

const PARSERS: readonly Worst[] = [
  ...Object.entries({
    "empty TLVs": tlvs("\x04\0\0"),
    "one TLV": (size: number) =>
      concat(
        tlvs("\0")(size).subarray(0, 28),
        [4],
        prefixed(2, new Uint8Array(Math.max(0, size - 31))),
      ),
    "CRC32c over all": (size: number) => {
      const bytes = tlvs("\x04\0\0")(size);
      bytes.set([3, 0, 4, 0, 0, 0, 0], 28);
      return bytes;
    },
  }).map(([name, make]): Worst => ({
    ...{ parser: "proxy", name, cap: MAX_BYTES, feed: needing(parseProxyHeader) },
    make: (size) => [make(size)],
  })),
  // At most 107 bytes, parsed from the fifteenth on: too few to compare their cuts.
  ...Object.entries({
    "a version 1 line": repeated("PROXY UNKNOWN ", "f"),
    "addresses of zeros": repeated("PROXY TCP6 ", ":0"),
  }).map(([name, make]): Worst => ({
    ...{ parser: "proxy", name, cap: 256, feed: needing(parseProxyHeader), cuts: [Infinity] },
    make: (size) => [make(size)],
  })),
  ...Object.entries({
    letters: "a",
    dots: ".",
    labels: "a.",
    hyphens: "a-",
    colons: ":",
    brackets: "[",
  })
    .flatMap(([name, piece]) =>
      ["authority", "host name"].map((parser): Worst => ({
        ...{ parser, name, cap: 16_384, cuts: [Infinity] },
        feed: text(parser === "authority" ? hostOf : hostName),
        make: (size) => [repeated(piece, piece)(size)],
      }))
    ),
];

const NAMED: readonly Worst[] = [...HELLOS, ...HTTP1, ...HTTP2, ...OTHERS, ...FLOWS, ...PARSERS];

/** Of protocols that are not named above: what their clients send, over and over. */
const UNNAMED: readonly Worst[] = DETECTORS
  .filter((detector) => NAMED.every(({ parser }) => parser !== detector.name))
  .flatMap((detector) =>
    vectorsOf(detector).map((vector) => ({ ...vector, parser: detector.name }))
  )
  .flatMap(({ parser, name, transport, parts: [first] }) =>
    transport === "tcp"
      ? streams(parser, {
        [name]: repeated(first!, first!),
        [`${name} that ends in zeros`]: repeated(first!.subarray(0, -1), "\0"),
      })
      : flows(parser, { [name]: (size) => datagrams(size, () => first!) })
  );

/** All of them. */
export const WORST: readonly Worst[] = [...NAMED, ...UNNAMED];
