/** What happens next on a virtual clock: a binary heap in typed arrays, since a day of a large fleet is millions of events. */
export interface Queue {
  push(atMs: number, event: number): void;
  /** Undefined when nothing is left. What happens at the same time comes in any, but always the same, order. */
  pop(): { readonly atMs: number; readonly event: number } | undefined;
}

export function openQueue(): Queue {
  let times = new Float64Array(1024);
  let events = new Int32Array(1024);
  let size = 0;

  const before = (a: number, b: number): boolean => (times[a] as number) < (times[b] as number);
  const swap = (a: number, b: number): void => {
    const [time, event] = [times[a] as number, events[a] as number];
    times[a] = times[b] as number;
    events[a] = events[b] as number;
    times[b] = time;
    events[b] = event;
  };

  return {
    push(atMs, event) {
      if (size === times.length) {
        const [oldTimes, oldEvents] = [times, events];
        times = new Float64Array(2 * size);
        events = new Int32Array(2 * size);
        times.set(oldTimes);
        events.set(oldEvents);
      }
      times[size] = atMs;
      events[size] = event;
      for (let at = size++; at > 0; ) {
        const parent = (at - 1) >> 1;
        if (!before(at, parent)) break;
        swap(at, parent);
        at = parent;
      }
    },
    pop() {
      if (size === 0) return undefined;
      const first = { atMs: times[0] as number, event: events[0] as number };
      swap(0, --size);
      for (let at = 0; ; ) {
        let least = at;
        for (const child of [2 * at + 1, 2 * at + 2]) if (child < size && before(child, least)) least = child;
        if (least === at) return first;
        swap(at, least);
        at = least;
      }
    },
  };
}
