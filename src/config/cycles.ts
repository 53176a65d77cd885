/**
 * Finds the nodes of a graph that lie on a common cycle. Knows only numbers.
 *
 * @module
 */

/**
 * Finds the strongly connected components of a graph (Tarjan's algorithm, without recursion, because a
 * graph may be one long chain).
 *
 * @param next The nodes that each node leads to, by its number
 * @returns The number of each node's component: two nodes have the same one if each leads to the other
 */
export function components(next: readonly (readonly number[])[]): Int32Array {
  const component = new Int32Array(next.length).fill(-1);
  /** When a node was first met, from 1; 0 means not yet. */
  const met = new Int32Array(next.length);
  /** The earliest node that is known to be reached from a node and is in no component yet. */
  const lowest = new Int32Array(next.length);
  /** How many of its edges have been walked. */
  const walked = new Int32Array(next.length);
  const open: number[] = [];
  let time = 0;
  let count = 0;
  for (let root = 0; root < next.length; root++) {
    if (met[root] !== 0) continue;
    const walk = [root];
    while (walk.length > 0) {
      const node = walk.at(-1)!;
      if (met[node] === 0) {
        met[node] = lowest[node] = ++time;
        open.push(node);
      }
      const to = next[node]![walked[node]!++];
      if (to !== undefined) {
        if (met[to] === 0) walk.push(to);
        else if (component[to] === -1) lowest[node] = Math.min(lowest[node]!, met[to]!);
        continue;
      }
      walk.pop();
      const above = walk.at(-1);
      if (above !== undefined) lowest[above] = Math.min(lowest[above]!, lowest[node]!);
      if (lowest[node] !== met[node]) continue;
      let member: number;
      do component[member = open.pop()!] = count; while (member !== node);
      count++;
    }
  }
  return component;
}
