/**
 * Checks that workflows use pinned versions of actions, and tasks and files that exist.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { z } from "zod";
import { TARGETS } from "../../../scripts/_compile.ts";
import { readYaml, ROOT } from "./_deploy.ts";
import project from "../../../deno.json" with { type: "json" };

const StepSchema = z.strictObject({
  name: z.string().optional(),
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  env: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
}).refine(({ uses, run }) => (uses === undefined) !== (run === undefined));

const PermissionsSchema = z.record(z.string(), z.enum(["read", "write", "none"]));

const WorkflowSchema = z.strictObject({
  name: z.string(),
  on: z.record(z.string(), z.unknown()),
  permissions: PermissionsSchema,
  concurrency: z.unknown().optional(),
  jobs: z.record(
    z.string(),
    z.strictObject({
      "runs-on": z.string(),
      "timeout-minutes": z.number(),
      permissions: PermissionsSchema.optional(),
      steps: z.array(StepSchema).min(1),
    }),
  ),
});

for (const [name, document] of await readYaml(".github/workflows")) {
  const { jobs, permissions } = WorkflowSchema.parse(document);
  const steps = Object.values(jobs).flatMap((job) => job.steps);

  Deno.test(`workflows: ${name} pins the version of every action, and may only read by default`, () => {
    assertEquals(permissions, { contents: "read" });
    for (const { uses } of steps) {
      if (uses !== undefined) assertMatch(uses, /^[\w-]+\/[\w-]+@v\d+\.\d+\.\d+$/);
    }
  });

  Deno.test(`workflows: ${name} runs tasks that exist, by the Deno that is tested`, () => {
    for (const { run = "", with: inputs } of steps) {
      for (const [, task] of run.matchAll(/deno task ([\w:]+)/g)) {
        assertEquals(Object.keys(project.tasks).includes(task!), true, task);
      }
      const version = inputs?.["deno-version"];
      if (version !== undefined) assertEquals(version, "2.9.6");
    }
  });
}

Deno.test("workflows: the Deno of CI is the one of workflows and image", async () => {
  const [script, image] = await Promise.all(
    [".ci/run", "deploy/docker/Dockerfile"].map((path) => Deno.readTextFile(ROOT + path)),
  );
  assertMatch(script!, /deno@2\.9\.6/);
  assertMatch(image!, /^FROM denoland\/deno:2\.9\.6 AS build$/m);
});

Deno.test("workflows: the release contains the archive that it tests, and the line that it fills in", async () => {
  const [release, install] = await Promise.all(
    [".github/workflows/release.yml", "install.sh"].map((path) => Deno.readTextFile(ROOT + path)),
  );
  const tried = /release\/shunt-(.*)\.tar\.gz/.exec(release!)?.[1];
  assertEquals(TARGETS.some((target) => target === tried), true, tried);
  assertMatch(install!, /^repository=\$\{SHUNT_REPOSITORY:-OWNER\/shunt\}$/m);
});
