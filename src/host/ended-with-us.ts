const ENDING: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Of the whole process, as its signals are: a listener for each child would be many where many are looked after. */
const ends = new Set<() => void>();

function endAll(): void {
  for (const end of ends) end();
}

let holds = 0;
let waiting: NodeJS.Signals | undefined;

function endBy(name: NodeJS.Signals): void {
  if (holds > 0) {
    waiting ??= name;
    return;
  }
  endAll();
  stopListening();
  // Whoever else listens decides what comes of it.
  if (process.listenerCount(name) === 0) process.kill(process.pid, name);
}

function stopListening(): void {
  for (const name of ENDING) process.removeListener(name, endBy);
  process.removeListener("exit", endAll);
}

/**
 * Has `end` run when a signal or an exit ends us, so that no child goes on alone: one with a process group of its own is not reached by
 * a Ctrl-C at the terminal. The signal ends us all the same.
 *
 * @returns to be called when there is nothing to be ended any more
 */
export function endedWithUs(end: () => void): () => void {
  if (ends.size === 0) {
    for (const name of ENDING) process.on(name, endBy);
    process.on("exit", endAll);
  }
  ends.add(end);
  return () => {
    if (ends.delete(end) && ends.size === 0) stopListening();
  };
}

/** Has the signals that would end us wait, for what must not be left half done. @returns ends it: what came meanwhile then ends us */
export function holdSignals(): () => void {
  const forget = endedWithUs(() => {});
  holds++;
  return () => {
    holds--;
    if (holds === 0 && waiting !== undefined) {
      const name = waiting;
      waiting = undefined;
      endBy(name);
    }
    forget();
  };
}
