import type { Graph, Node } from './graph.ts';

/** Operators that read an operand to its end before anything behind them begins, and never hand its memory on. */
const readOnce = new Set(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min']);

/** Nodes that can be reached, by place in the graph, along `next` from some on. */
export function reached(from: readonly number[], next: (place: number) => readonly number[]): Set<number> {
  const found = new Set<number>();
  const waiting = [...from];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (found.has(place)) continue;
    found.add(place);
    waiting.push(...next(place));
  }
  return found;
}

/** The indices of the nodes that make and read each value of a graph. */
export function placesOf(graph: Graph) {
  const makers = new Map(graph.nodes.flatMap((node, place) => node.outputs.map((name) => [name, place] as const)));
  const readers = new Map<string, number[]>();
  for (const [place, { inputs }] of graph.nodes.entries()) {
    for (const name of inputs) {
      const known = readers.get(name);
      if (known) known.push(place);
      else readers.set(name, [place]);
    }
  }
  const readersOf = (name: string): readonly number[] => readers.get(name) ?? [];
  return {
    makers,
    readersOf,
    /** The nodes whose results a node takes. */
    before: ({ inputs }: Node) => inputs.flatMap((name) => makers.get(name) ?? []),
    /** The nodes that take a node's results. */
    behind: ({ outputs }: Node) => outputs.flatMap(readersOf),
  };
}

/**
 * Which outputs can be written over the input that they replace, as an optimizer's moments can: whatever depends on the input is
 * either needed for the output or, but for what reads the input itself, depends on it, so that in any order of execution the input was read before, and by nodes that
 * keep nothing of it.
 * @param inputOf the input that an output replaces; undefined where it is a new one
 */
export function overwriting(graph: Graph, inputOf: (output: string) => string | undefined): string[] {
  const { makers, readersOf, before, behind } = placesOf(graph);
  const isSafe = (output: string): boolean => {
    const input = inputOf(output);
    const maker = makers.get(output);
    if (input === undefined || maker === undefined) return false;
    const direct = readersOf(input);
    if (direct.includes(maker) || direct.some((place) => !readOnce.has(graph.nodes[place]!.operator))) return false;
    const after = reached([maker], (place) => behind(graph.nodes[place]!));
    if (direct.some((place) => after.has(place))) return false;
    const up = reached(direct, (place) => (after.has(place) ? [] : behind(graph.nodes[place]!)));
    const needed = reached([maker], (place) => (place === maker || up.has(place) ? before(graph.nodes[place]!) : []));
    return [...up].every((place) => after.has(place) || needed.has(place));
  };
  return graph.outputs.map(({ name }) => name).filter(isSafe);
}
