import { assert, assertEquals } from "@std/assert";
import { LineSink } from "../../../../src/observe/log/line_sink.ts";

const decoder = new TextDecoder();

/** A disk that takes a number of bytes, with a limit for each write. */
class Disk {
  text = "";
  writes = 0;
  room = Infinity;

  readonly write = async (bytes: Uint8Array): Promise<number> => {
    await Promise.resolve();
    this.writes++;
    const some = Math.min(bytes.length, this.room);
    if (some === 0) throw new Error("No space left on device");
    this.room -= some;
    this.text += decoder.decode(bytes.subarray(0, some));
    return some;
  };
}

/** Makes a sink write its lines, and go on. */
async function written(sink: LineSink): Promise<void> {
  await sink[Symbol.asyncDispose]();
}

Deno.test("line sink: lines are written in order, many at once, and none twice", async () => {
  const disk = new Disk();
  const sink = new LineSink(disk.write);
  for (let i = 0; i < 10_000; i++) sink.add(`line ${i}\n`);
  await written(sink);
  assertEquals(disk.text, Array.from({ length: 10_000 }, (_, i) => `line ${i}\n`).join(""));
  assert(disk.writes < 10, `${disk.writes} writes`);
});

Deno.test("line sink: a reader that stopped reading costs lines, not memory", async () => {
  const stuck = Promise.withResolvers<number>();
  const sink = new LineSink(() => stuck.promise);
  const line = "x".repeat(999) + "\n";
  for (let i = 0; i < 10_000; i++) sink.add(line);
  // 64 KiB are being written, 8 MiB wait.
  assertEquals(sink.dropped, 10_000 - 66 - 8388);
  stuck.reject(new Error("gone"));
  await written(sink);
  assertEquals(sink.dropped, 10_000);
});

Deno.test("line sink: a full disk costs the lines that did not fit, is reported once, and recovers", async () => {
  const disk = new Disk();
  const failures: unknown[] = [];
  const dropped: number[] = [];
  const sink = new LineSink(disk.write, {
    onFailure: (error) => failures.push(error),
    onDropped: (lines) => dropped.push(lines),
  });
  disk.room = 9;
  sink.add("first\nsecond\nthird\n");
  await written(sink);
  sink.add("fourth\n");
  await written(sink);
  assertEquals([disk.text, sink.dropped, failures.length], ["first\nsec", 3, 1]);
  disk.room = Infinity;
  sink.add("fifth\n");
  await written(sink);
  // Half a line stays half a line.
  assertEquals(disk.text, "first\nsec\nfifth\n");
  assertEquals([dropped, sink.unreported], [[3], 0]);
});

Deno.test("line sink: a disk that fills and empties all the time is reported every 10 s", async () => {
  const disk = new Disk();
  const dropped: number[] = [];
  const sink = new LineSink(disk.write, { onDropped: (lines) => dropped.push(lines) });
  for (let i = 0; i < 5; i++) {
    for (const room of [0, Infinity]) {
      disk.room = room;
      sink.add("a line\n");
      await written(sink);
    }
  }
  assertEquals([dropped, sink.unreported], [[1], 4]);
});

Deno.test("line sink: after a redirect, waiting lines go to the new place, and the old one is released", async () => {
  const [before, after] = [new Disk(), new Disk()];
  const release = Promise.withResolvers<void>();
  const sink = new LineSink(async (bytes) => {
    await release.promise;
    return before.write(bytes);
  });
  const big = `${"x".repeat(65_536)}\n`;
  sink.add(big);
  sink.add("waits\n");
  let over = false;
  const redirected = sink.redirect(after.write).then(() => over = true);
  sink.add("comes\n");
  assertEquals([over, before.text], [false, ""]);
  release.resolve();
  await redirected;
  assertEquals(before.text, big);
  await written(sink);
  assertEquals(after.text, "waits\ncomes\n");
});
