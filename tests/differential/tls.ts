/**
 * ClientHellos in TLS records, in the forms that some server might take.
 *
 * @module
 */

import { Detection } from "../../src/detect/mod.ts";
import { type Dice, mutate } from "../fuzz/mutate.ts";
import { bytesOf, concat, type Extension, prefixed } from "../unit/_hello.ts";
import { type Form, type Kind, REFUSED } from "./_kind.ts";
import { TLS_SERVERS } from "./_tls_servers.ts";

/** A hello, to be changed. */
interface Draft {
  legacy: readonly number[];
  session: Uint8Array;
  suites: number[];
  compressions: readonly number[];
  extensions: Extension[];
  /** Put after the extensions, within the message. */
  tail: Uint8Array;
}

/** A record: its content and its header. */
interface Piece {
  type: number;
  version: readonly number[];
  data: Uint8Array;
}

/** Data of a server_name extension. */
function names(...list: readonly (string | readonly [type: number, name: string])[]): Uint8Array {
  return prefixed(
    2,
    concat(...list.map((one) => {
      const [type, name] = typeof one === "string" ? [0, one] as const : one;
      return concat([type], prefixed(2, bytesOf(name)));
    })),
  );
}

function draft(newest: 2 | 3): Draft {
  const share = concat([0, 29], prefixed(2, new Uint8Array(32).fill(9)));
  const extensions: Extension[] = [
    [0, names(REFUSED)],
    [10, Uint8Array.of(0, 4, 0, 29, 0, 23)],
    [11, Uint8Array.of(1, 0)],
    [13, Uint8Array.of(0, 2, 4, 3)],
    [16, prefixed(2, concat(...["h2", "http/1.1"].map((one) => prefixed(1, bytesOf(one)))))],
    [23, new Uint8Array(0)],
  ];
  if (newest === 3) {
    extensions.push([43, Uint8Array.of(4, 3, 4, 3, 3)], [45, Uint8Array.of(1, 1)]);
    extensions.push([51, prefixed(2, share)]);
  }
  return {
    legacy: [3, 3],
    session: new Uint8Array(32).fill(7),
    suites: newest === 3 ? [0x1301, 0xc02b] : [0xc02b, 0xc02c],
    compressions: [0],
    extensions,
    tail: new Uint8Array(0),
  };
}

function message(
  { legacy, session, suites, compressions, extensions, tail }: Draft,
): Uint8Array {
  const block = extensions.map(([type, data]) =>
    concat([type >> 8, type & 255], prefixed(2, data))
  );
  return concat(
    [1],
    prefixed(
      3,
      concat(
        legacy,
        new Uint8Array(32).fill(5),
        prefixed(1, session),
        prefixed(2, Uint8Array.from(suites.flatMap((suite) => [suite >> 8, suite & 255]))),
        prefixed(1, Uint8Array.from(compressions)),
        prefixed(2, concat(...block)),
        tail,
      ),
    ),
  );
}

/** Cuts a message into records; sizes repeat the last. */
function pieces(hello: Uint8Array, sizes: readonly number[] = [16_384]): Piece[] {
  const out: Piece[] = [];
  for (let at = 0; at < hello.length;) {
    const size = sizes[Math.min(out.length, sizes.length - 1)]!;
    out.push({ type: 22, version: [3, 1], data: hello.subarray(at, at + size) });
    at += size;
  }
  return out;
}

function written(records: readonly Piece[]): Uint8Array {
  return concat(
    ...records.map(({ type, version, data }) => concat([type], version, prefixed(2, data))),
  );
}

const EMPTY: Piece = { type: 22, version: [3, 1], data: new Uint8Array(0) };
const ALERT: Piece = { type: 21, version: [3, 1], data: Uint8Array.of(1, 41) };
const CHANGE: Piece = { type: 20, version: [3, 3], data: Uint8Array.of(1) };
const DATA: Piece = { type: 23, version: [3, 3], data: Uint8Array.of(1, 2) };
const BEAT: Piece = { type: 24, version: [3, 3], data: Uint8Array.of(1, 0, 0) };

const FILLS: Readonly<Record<string, Piece>> = {
  "an empty record": EMPTY,
  "an alert": ALERT,
  "an empty alert": { ...ALERT, data: new Uint8Array(0) },
  "a short alert": { ...ALERT, data: Uint8Array.of(1) },
  "a closing alert": { ...ALERT, data: Uint8Array.of(1, 0) },
  "a fatal alert": { ...ALERT, data: Uint8Array.of(2, 40) },
  "an alert of version 9.9": { ...ALERT, version: [9, 9] },
  "a ChangeCipherSpec": CHANGE,
  "application data": DATA,
  "empty application data": { ...DATA, data: new Uint8Array(0) },
  "a heartbeat": BEAT,
  "a HelloRequest": { ...EMPTY, data: Uint8Array.of(0, 0, 0, 0) },
};

/** Spellings of the name, some of which servers accept. */
const NAMES: readonly string[] = [
  REFUSED.toUpperCase(),
  ...[".", "..", ":443", ":", "\0", " ", "/", "#", "?", ":x/y", ".:443"].map((end) =>
    REFUSED + end
  ),
  ...[".", "*.", "..", " ", "\0", "[", "user@", "https://"].map((start) => start + REFUSED),
  REFUSED.replace(".", ".."),
  REFUSED.replace("e", "%65"),
  `[${REFUSED}]`,
  "",
  "192.0.2.7",
];

function change(newest: 2 | 3, edit: (draft: Draft) => void): Draft {
  const changed = draft(newest);
  edit(changed);
  return changed;
}

function table(): Form[] {
  const forms: Form[] = [];
  const add = (name: string, bytes: Uint8Array) => forms.push({ name, bytes });
  for (const newest of [2, 3] as const) {
    const hello = message(draft(newest));
    const named = (name: string) => `TLS 1.${newest}: ${name}`;
    const edited = (name: string, edit: (draft: Draft) => void) =>
      add(named(name), written(pieces(message(change(newest, edit)))));
    add(named("as it should be"), written(pieces(hello)));
    for (const size of [1, 3, 4, 5, 60]) {
      add(named(`records of ${size}`), written(pieces(hello, [size])));
    }
    for (
      const version of [[3, 0], [3, 4], [3, 5], [3, 255], [2, 1], [4, 1], [0, 0], [15, 255], [
        16,
        1,
      ]]
    ) {
      const records = pieces(hello, [100]);
      add(named(`record version ${version}`), written(records.map((one) => ({ ...one, version }))));
      add(
        named(`second record's version ${version}`),
        written(records.map((one, i) => i === 1 ? { ...one, version } : one)),
      );
      edited(`hello version ${version}`, (draft) => draft.legacy = version);
    }
    for (const [what, fill] of Object.entries(FILLS)) {
      for (const count of [1, 4, 16, 32, 33, 70]) {
        const fills = new Array<Piece>(count).fill(fill);
        add(named(`${count} × ${what} first`), written([...fills, ...pieces(hello)]));
        const [first, ...rest] = pieces(hello, [2, 70]);
        add(named(`${count} × ${what} within`), written([first!, ...fills, ...rest]));
        add(
          named(`${count} × ${what} between all`),
          written(pieces(hello, [40]).flatMap((one) => [...fills, one])),
        );
      }
    }
    for (const name of NAMES) {
      edited(`name ${JSON.stringify(name)}`, (draft) => draft.extensions[0] = [0, names(name)]);
    }
    const lists: readonly (readonly [string, Uint8Array])[] = [
      ["another name first", names("other.example", REFUSED)],
      ["another name after", names(REFUSED, "other.example")],
      ["the name twice", names(REFUSED, REFUSED)],
      ["another type first", names([7, "other"], REFUSED)],
      ["another type after", names(REFUSED, [7, "other"])],
      ["an empty name first", names("", REFUSED)],
      ["a byte after the list", concat(names(REFUSED), [0])],
    ];
    for (const [name, data] of lists) edited(name, (draft) => draft.extensions[0] = [0, data]);
    for (const other of ["other.example", REFUSED]) {
      edited(
        `${other} in an extension before`,
        ({ extensions }) => extensions.unshift([0, names(other)]),
      );
      edited(
        `${other} in an extension after`,
        ({ extensions }) => extensions.push([0, names(other)]),
      );
    }
    edited("ALPN twice", ({ extensions }) => extensions.push(extensions[4]!));
    edited(
      "an unknown extension twice",
      ({ extensions }) => extensions.push([99, new Uint8Array(2)], [99, new Uint8Array(1)]),
    );
    edited("GREASE", ({ extensions, suites }) => {
      extensions.unshift([0x0a0a, new Uint8Array(0)]);
      extensions.push([0xfe0d, concat([0, 0, 1, 0, 1, 9, 0, 2, 1, 1, 0, 2, 3, 3])]);
      suites.unshift(0x2a2a);
    });
    edited(
      "an empty ALPN name",
      ({ extensions }) => extensions[4] = [16, Uint8Array.of(0, 4, 0, 2, 0x68, 0x32)],
    );
    edited(
      "a session ticket that nobody gave",
      ({ extensions }) => extensions.push([35, new Uint8Array(190).fill(3)]),
    );
    for (const size of [0, 1, 33, 255]) {
      edited(`a session ID of ${size}`, (draft) => draft.session = new Uint8Array(size).fill(7));
    }
    edited("two compressions", (draft) => draft.compressions = [1, 0]);
    edited("no compression", (draft) => draft.compressions = []);
    edited("bytes after the extensions", (draft) => draft.tail = new Uint8Array(3));
    for (const size of [5000, 16_000, 40_000, 60_000]) {
      edited(
        `padding of ${size}`,
        ({ extensions }) => extensions.unshift([21, new Uint8Array(size)]),
      );
    }
    edited("many protocols", ({ extensions }) => {
      const one = prefixed(1, bytesOf("x"));
      extensions[4] = [16, prefixed(2, concat(...new Array(20_000).fill(one)))];
    });
    add(named("more handshake after it"), written(pieces(concat(hello, [1, 0, 0, 9, 1]))));
    add(
      named("a record that is too long"),
      concat([22, 3, 1, 0x40, 1], hello, new Uint8Array(16_385 - hello.length)),
    );
    add(named("an SSL 2 record around it"), concat([0x80, hello.length], hello));
  }
  return forms;
}

const MUTATIONS: Readonly<Record<string, (draft: Draft, dice: Dice) => void>> = {
  legacy: (draft, dice) => draft.legacy = [dice.below(5), dice.below(256)],
  session: (draft, dice) => draft.session = dice.bytes(dice.below(40)),
  suites: ({ suites }, dice) => suites.splice(dice.below(2), 0, dice.below(65_536)),
  compressions: (draft, dice) => draft.compressions = [...dice.bytes(dice.below(3)), 0],
  name: ({ extensions }, dice) => extensions[0] = [0, names(dice.pick(NAMES))],
  names: ({ extensions }, dice) =>
    extensions[0] = [0, names([dice.below(3), dice.pick(NAMES)], [dice.below(3), REFUSED])],
  order: ({ extensions }, dice) => extensions.sort(() => dice.below(3) - 1),
  repeat: ({ extensions }, dice) => extensions.splice(dice.below(9), 0, dice.pick(extensions)),
  drop: ({ extensions }, dice) => extensions.splice(dice.below(9), 1),
  add: ({ extensions }, dice) =>
    extensions.splice(dice.below(9), 0, [dice.below(60), dice.bytes(dice.below(20))]),
  damage: ({ extensions }, dice) => {
    const at = dice.below(extensions.length);
    const found = extensions[at];
    if (found !== undefined) extensions[at] = [found[0], mutate(found[1], dice, NOTHING)];
  },
  tail: (draft, dice) => draft.tail = dice.bytes(dice.below(6)),
};

const NOTHING = { seeds: [new Uint8Array(4)], tokens: [] };

function make(dice: Dice): Form {
  const done: string[] = [];
  const hello = change(dice.once(2) ? 2 : 3, (draft) => {
    for (let left = dice.below(3); left > 0; left--) {
      const name = dice.pick(Object.keys(MUTATIONS));
      done.push(name);
      MUTATIONS[name]!(draft, dice);
    }
  });
  let bytes = message(hello);
  if (dice.once(4)) {
    done.push("bytes of the message");
    bytes = mutate(bytes, dice, NOTHING);
  }
  const sizes = Array.from({ length: 1 + dice.below(4) }, () => 1 + dice.below(300));
  const records = pieces(bytes, dice.once(2) ? undefined : sizes);
  for (let left = dice.below(4); left > 0; left--) {
    if (dice.once(2)) {
      const what = dice.pick(Object.keys(FILLS));
      done.push(what);
      records.splice(dice.below(records.length + 1), 0, { ...FILLS[what]! });
    } else {
      done.push("version");
      const one = dice.pick(records);
      if (one !== undefined) one.version = [dice.once(2) ? 3 : dice.below(20), dice.below(256)];
    }
  }
  let out = written(records);
  if (dice.once(6)) {
    done.push("bytes of the records");
    out = mutate(out, dice, NOTHING);
  }
  return { name: done.join(", ") || "nothing", bytes: out.length === 0 ? Uint8Array.of(22) : out };
}

/** The random of a HelloRetryRequest (RFC 8446 §4.1.3), which is sent before a certificate is chosen. */
const RETRY = [0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11];
const SERVER_HELLO = 2;

function isServed(answer: Uint8Array): boolean {
  for (let at = 0; at + 5 <= answer.length;) {
    const end = at + 5 + (answer[at + 3]! << 8 | answer[at + 4]!);
    if (answer[at] === 22 && end <= answer.length && answer[at + 5] === SERVER_HELLO) {
      return !RETRY.every((byte, i) => answer[at + 11 + i] === byte);
    }
    at = end;
  }
  return false;
}

function isSeen(bytes: Uint8Array): boolean {
  const detection = new Detection("tcp");
  const { protocol, facts, end, maybe } = detection.stream(bytes) ?? detection.conclude("deadline");
  if (protocol === "tls") return facts.sni === REFUSED || end !== undefined;
  return maybe?.includes("tls") ?? false;
}

/** TLS over TCP. */
export const tls: Kind = {
  name: "tls",
  match: `{ protocol: tls, sni: ${REFUSED} }`,
  servers: TLS_SERVERS,
  table: table(),
  make,
  isServed,
  isSeen,
};
