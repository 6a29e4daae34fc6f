type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** Runs what it is given, so many at the same time; the others wait in the order they came. */
export function atMost(limit: number): InTurn {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((go) => void waiting.push(go));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
