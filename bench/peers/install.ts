/**
 * Finds HAProxy, nginx and sslh, and installs what is missing where apt-get and root can.
 *
 * @module
 */

/** Paths of the peers' programs; undefined where one could not be had. */
export interface Programs {
  /** HAProxy. */
  readonly haproxy: string | undefined;
  /** nginx. */
  readonly nginx: string | undefined;
  /** sslh with one process for all sessions. */
  readonly sslh: string | undefined;
  /** sslh with a process per session, where the other cannot do all. */
  readonly sslhFork: string | undefined;
}

/** Debian's packages. */
const PACKAGES = ["haproxy", "nginx-light", "libnginx-mod-stream", "sslh"];
const FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];

function find(...names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const folder of FOLDERS) {
      try {
        if (Deno.statSync(`${folder}/${name}`).isFile) return `${folder}/${name}`;
      } catch {
        // Not there: look further.
      }
    }
  }
  return undefined;
}

function findAll(): Programs {
  const events = find("sslh-ev");
  return {
    haproxy: find("haproxy"),
    nginx: find("nginx"),
    sslh: events ?? find("sslh-select"),
    sslhFork: events === undefined ? find("sslh") : undefined,
  };
}

function complete({ haproxy, nginx, sslh }: Programs): boolean {
  return haproxy !== undefined && nginx !== undefined && sslh !== undefined;
}

/**
 * Finds the peers, after installing what is missing.
 *
 * @param say Takes a line for whoever watches
 * @returns The programs
 */
export function findPrograms(say: (line: string) => void): Programs {
  const found = findAll();
  if (complete(found)) return found;
  if (Deno.uid() !== 0 || find("apt-get") === undefined) {
    say(`Not all peers are installed; to compare with all: apt-get install ${PACKAGES.join(" ")}`);
    return found;
  }
  say(`Installing ${PACKAGES.join(", ")}`);
  const { success } = new Deno.Command("apt-get", {
    args: ["install", "-y", "--no-install-recommends", ...PACKAGES],
    // RUNLEVEL keeps the packages' services from starting.
    env: { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).outputSync();
  if (!success) say("Cannot install all peers: apt-get failed");
  return findAll();
}
