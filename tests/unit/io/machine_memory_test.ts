import { assert, assertEquals } from "@std/assert";
import { collectGarbage, heapUse, oldGenerationLimit } from "../../../src/io/heap.ts";
import { machineMemory } from "../../../src/io/machine_memory.ts";
import { readSystemFile } from "../../../src/io/system_file.ts";

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const MEMINFO = { "/proc/meminfo": "MemTotal:       2097152 kB\nMemFree:        1 kB\n" };

const TABLE: readonly [string, Readonly<Record<string, string>>, number | undefined][] = [
  ["no control group", MEMINFO, 2 * GIB],
  ["version 2, in a container", {
    ...MEMINFO,
    "/proc/self/cgroup": "0::/\n",
    "/sys/fs/cgroup/memory.max": "536870912\n",
  }, 512 * MIB],
  ["version 2, limited further up", {
    ...MEMINFO,
    "/proc/self/cgroup": "0::/system.slice/shunt.service\n",
    "/sys/fs/cgroup/system.slice/memory.max": "1073741824\n",
    "/sys/fs/cgroup/system.slice/shunt.service/memory.max": "max\n",
  }, GIB],
  ["version 2, limited most at the service", {
    ...MEMINFO,
    "/proc/self/cgroup": "0::/system.slice/shunt.service\n",
    "/sys/fs/cgroup/system.slice/memory.max": "1073741824\n",
    "/sys/fs/cgroup/system.slice/shunt.service/memory.max": "268435456\n",
  }, 256 * MIB],
  ["version 1", {
    ...MEMINFO,
    "/proc/self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/docker/0123\n1:name=systemd:/b\n",
    "/sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes": "314572800\n",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
  }, 300 * MIB],
  ["version 1, in a container", {
    ...MEMINFO,
    "/proc/self/cgroup": "4:memory:/docker/0123\n",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "314572800\n",
  }, 300 * MIB],
  ["a limit above what the machine has", {
    ...MEMINFO,
    "/proc/self/cgroup": "0::/\n",
    "/sys/fs/cgroup/memory.max": "9663676416\n",
  }, 2 * GIB],
  ["nonsense", {
    ...MEMINFO,
    "/proc/self/cgroup": "::\n0::relative\n0::/\n",
    "/sys/fs/cgroup/memory.max": "-1\n",
  }, 2 * GIB],
];

for (const [name, files, expected] of TABLE) {
  Deno.test(`machine memory: ${name}`, () => {
    assertEquals(machineMemory((path) => files[path]), expected);
  });
}

Deno.test({
  name: "machine memory: Linux reports it",
  ignore: Deno.build.os !== "linux",
  fn() {
    assert(readSystemFile("/proc/meminfo")?.startsWith("MemTotal:"));
    assertEquals(readSystemFile("/proc/no such file"), undefined);
    const memory = machineMemory();
    assert(memory !== undefined && memory > 64 * MIB && memory <= Deno.systemMemoryInfo().total);
  },
});

const HEAPS: readonly [flags: string, total: number, old: number][] = [
  ["deno\0run\0--v8-flags=--max-old-space-size=64\0main.ts", 160, 64],
  ["DENO_V8_FLAGS=--max_old_space_size=64\0 deno\0run\0main.ts", 160, 64],
  ["deno\0run\0--v8-flags=--max-semi-space-size=1,--max-old-space-size=96\0main.ts", 99, 96],
  ["deno\0run\0--v8-flags=--max-semi-space-size=1\0main.ts", 259, 256],
  // Nothing that was asked for: V8's own shares.
  ["deno\0run\0main.ts", 262, 256],
  ["", 4192, 4096],
];

for (const [flags, total, old] of HEAPS) {
  Deno.test(`heap: the old generation of ${total} MiB with ${JSON.stringify(flags)}`, () => {
    assertEquals(Math.round(oldGenerationLimit(total * MIB, flags) / MIB), old);
  });
}

Deno.test("heap: unused memory is freed when garbage is collected", () => {
  let kept: unknown[] | undefined = Array.from({ length: 500_000 }, (_, i) => ({ i }));
  collectGarbage();
  const { used: before, limit } = heapUse();
  assert(kept.length > 0 && before < limit);
  kept = undefined;
  collectGarbage();
  assert(heapUse().used < before - 10 * MIB);
});
