/**
 * UDP flows that send, and a target that receives, as a separate program: `_udp_load.ts FLOWS RATE`. It
 * prints its target's port, sends to the port that a line on standard input gives, ends with the next line,
 * and prints the result. Its queues are long, so that losses happen in between.
 *
 * @module
 */

/** What came of a load, as it says. */
export interface LoadReport {
  readonly sent: number;
  readonly received: number;
  readonly answered: number;
  readonly answers: number;
  /** By flow: the ports from which the target has received it. */
  readonly ports: readonly (readonly number[])[];
}

const [AF_INET, SOCK_DGRAM_NONBLOCK, MSG_DONTWAIT] = [2, 2 | 0o4000, 0x40];
const [SOL_SOCKET, SO_RCVBUF, SO_RCVBUFFORCE] = [1, 8, 33];
const LOOK_MS = 2;

function run(flows: number, rate: number): void {
  const { symbols: libc } = Deno.dlopen("libc.so.6", {
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
    recvfrom: {
      parameters: ["i32", "buffer", "u32", "i32", "buffer", "buffer"],
      result: "i32",
    },
    sendto: { parameters: ["i32", "buffer", "u32", "i32", "buffer", "u32"], result: "i32" },
  });
  const loopback = (port: number) =>
    Uint8Array.of(AF_INET, 0, port >> 8, port & 0xff, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  const open = () => {
    const fd = libc.socket(AF_INET, SOCK_DGRAM_NONBLOCK, 0);
    const size = new Uint8Array(new Int32Array([16_777_216]).buffer);
    libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, 4);
    libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, 4);
    return fd;
  };
  const target = open();
  const name = loopback(0);
  const length = new Uint8Array(new Int32Array([16]).buffer);
  libc.bind(target, name, 16);
  libc.getsockname(target, name, length);
  const clients = Array.from({ length: flows }, open);
  const report = { sent: 0, received: 0, answered: 0, answers: 0 };
  const ports = Array.from({ length: flows }, () => new Set<number>());
  const buffer = new Uint8Array(64);
  const datagram = new Uint8Array(32);
  let over = false;
  const hear = () => {
    for (;;) {
      const count = libc.recvfrom(target, buffer, 64, MSG_DONTWAIT, name, length);
      if (count < 0) break;
      report.received++;
      ports[buffer[0]!]!.add(name[2]! << 8 | name[3]!);
      if (buffer[1] !== 0) continue;
      report.answered++;
      libc.sendto(target, buffer, count, MSG_DONTWAIT, name, 16);
    }
    for (const client of clients) {
      while (libc.recvfrom(client, buffer, 64, MSG_DONTWAIT, null, null) >= 0) report.answers++;
    }
  };
  const send = (due: number) => {
    for (; !over && report.sent < due; report.sent++) {
      datagram[0] = report.sent % flows;
      // One of three is answered.
      datagram[1] = Math.floor(report.sent / flows) % 3;
      libc.sendto(clients[datagram[0]]!, datagram, 32, MSG_DONTWAIT, null, 0);
    }
  };
  const say = (value: unknown) =>
    Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
  say((name[2]! << 8) | name[3]!);
  (async () => {
    const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
    const to = loopback(Number((await lines.read()).value));
    for (const client of clients) libc.connect(client, to, 16);
    const began = performance.now();
    setInterval(() => {
      hear();
      // After a pause it goes on at the same rate, without catching up.
      const due = (performance.now() - began) * rate / 1000;
      send(Math.min(due, report.sent + 10 * LOOK_MS * rate / 1000));
    }, LOOK_MS);
    await lines.read();
    over = true;
    // What is on its way arrives.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    say({ ...report, ports: ports.map((some) => [...some]) });
    Deno.exit(0);
  })();
}

if (import.meta.main) run(Number(Deno.args[0]), Number(Deno.args[1]));
